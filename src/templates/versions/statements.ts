// Statements that read template versions.
import { sql, type SQL } from "drizzle-orm"
import { may } from "../../access/may.ts"
import { organizationIdOf } from "../../access/lookup.ts"
import { statement } from "../../platform/db/client.ts"
import { selectVersions, type VersionRow } from "./view.ts"

/** A caller who may read a template may read its versions. */
const readable = (): SQL =>
  may("read", "template", { id: sql`v.template_id`, organization: sql`v.organization_id` })

export const versionById = (id: string, now: Date) =>
  statement<VersionRow>(
    "template-versions.by-id",
    sql`${selectVersions(now)} where v.id = ${id}::uuid and ${readable()}`,
  )

export const versionByName = (templateId: string, name: string, now: Date) =>
  statement<VersionRow>(
    "template-versions.by-name",
    sql`${selectVersions(now)}
    where v.template_id = ${templateId}::uuid and lower(v.name) = lower(${name}) and ${readable()}`,
  )

export type TemplatePath = { organization: string; template: string; name: string }

export const versionByPath = (path: TemplatePath, now: Date) =>
  statement<VersionRow>(
    "template-versions.by-path",
    sql`${selectVersions(now)}
    join templates t on t.id = v.template_id and not t.deleted
      and lower(t.name) = lower(${path.template})
    join organizations o on o.id = t.organization_id
      and o.id = ${organizationIdOf(path.organization)}
    where lower(v.name) = lower(${path.name}) and ${readable()}`,
  )

const current = { id: sql`c.template_id`, organization: sql`c.organization_id` }

/**
 * The version created before the named one. Returns no row if that does not exist, and a row of
 * nulls
 * if it is the first.
 */
export const previousVersion = (path: TemplatePath, now: Date) =>
  statement<VersionRow | { [K in keyof VersionRow]: null }>(
    "template-versions.previous",
    sql`select p.* from template_versions c
    join templates t on t.id = c.template_id and not t.deleted
      and lower(t.name) = lower(${path.template})
    join organizations o on o.id = t.organization_id
      and o.id = ${organizationIdOf(path.organization)}
    left join lateral (
      ${selectVersions(now)}
      where v.template_id = c.template_id and (v.created_at, v.id) < (c.created_at, c.id)
      order by v.created_at desc, v.id desc limit 1
    ) p on true
    where lower(c.name) = lower(${path.name})
      and ${may("read", "template", current)}`,
  )

export type VersionPage = {
  limit: number
  offset: number
  afterId: string | null
  includeArchived: boolean
}

/** Versions of a template, the oldest first. Uses the index `template_versions_template`. */
export const listVersions = (templateId: string, page: VersionPage, now: Date) =>
  statement<VersionRow>(
    "template-versions.list",
    sql`${selectVersions(now)}
    where v.template_id = ${templateId}::uuid and ${readable()}
      and (${page.includeArchived} or not v.archived)
      and (${page.afterId}::uuid is null or (v.created_at, v.id) > (
        select a.created_at, a.id from template_versions a where a.id = ${page.afterId}::uuid))
    order by v.created_at, v.id
    limit ${page.limit === 0 ? null : page.limit}::bigint offset ${page.offset}::bigint`,
  )

/**
 * Returns one row if the caller may read the template. `may_change` says that they may change it,
 * `after_found` that `afterId` is one of its versions.
 */
export const versionListGate = (templateId: string, afterId: string | null) => {
  const template = { id: sql`t.id`, organization: sql`t.organization_id` }
  return statement<{ after_found: boolean; may_change: boolean }>(
    "template-versions.list-gate",
    sql`select ${may("update", "template", template)} as may_change, (${afterId}::uuid is null
      or exists (
        select 1 from template_versions v where v.id = ${afterId}::uuid
          and v.template_id = t.id)) as after_found
    from templates t
    where t.id = ${templateId}::uuid and not t.deleted and ${may("read", "template", template)}`,
  )
}
