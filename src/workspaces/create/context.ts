// What decides whether a workspace may be created, and what it will be, in one statement.
import { sql } from "drizzle-orm"
import { organizationIdOf, userIdOf } from "../../access/lookup.ts"
import { actorId, may } from "../../access/may.ts"
import { type BuildableVersion, versionJson } from "../../builds/create/version.ts"
import { statement, type Statement } from "../../platform/db/client.ts"

export type CreateContext = {
  owner_id: string
  owner_username: string
  is_member: boolean
  template: {
    id: string
    name: string
    organization_id: string
    deleted: boolean
    deprecation_message: string
    default_ttl_ms: number
    autostart_days: number
    active_version_id: string
    require_active_version: boolean
    allow_user_autostart: boolean
    may_create: boolean
    may_use: boolean
    may_update: boolean
  } | null
  version: BuildableVersion | null
  is_name_taken: boolean
}

export type CreateTarget = {
  user: string
  /** The organization of the older path. Null if the template decides. */
  organization: string | null
  templateId: string | null
  versionId: string | null
  name: string
}

const templateIn = { id: sql`t.id`, organization: sql`t.organization_id` }

/**
 * Returns one row if the owner exists and the caller may know this user.
 *
 * A caller may know the users of the same templates. The template is null if the caller may not
 * read it, or if it is not of the path's organization. The version is the requested one,
 * otherwise the template's active one. A system user cannot own a workspace here: the reconcile
 * makes prebuilds.
 */
export function createContext(target: CreateTarget): Statement<CreateContext> {
  const { user, organization, templateId, versionId, name } = target
  const isReadable = may("read", "template", templateIn)
  const isHere =
    organization === null ? sql`true` : sql`t.organization_id = ${organizationIdOf(organization)}`
  const isMember =
    organization === null
      ? sql`true`
      : sql`exists (select 1 from organization_members m
          where m.user_id = u.id and m.organization_id = ${organizationIdOf(organization)})`
  const mayReadUser = may("read", "user", { id: sql`u.id`, owner: sql`u.id` })
  const mayReadTemplates = may("read", "template", { organization: sql`m.organization_id` })
  const isKnown = sql`(u.id = ${actorId} or ${mayReadUser}
        or exists (select 1 from organization_members m
          where m.user_id = u.id and ${mayReadTemplates}))`
  const mayCreate = may("create", "workspace", {
    owner: sql`u.id`,
    organization: sql`t.organization_id`,
  })
  return statement(
    "workspaces.create-context",
    sql`with owner as (
      select u.id, u.username, ${isMember} as is_member from users u
      where u.id = ${userIdOf(user)} and not u.is_system and ${isKnown}
    ), version as (
      select v.* from template_versions v
      where v.id = coalesce(${versionId}::uuid,
        (select t.active_version_id from templates t where t.id = ${templateId}::uuid))
    ), template as (
      select t.* from templates t
      where t.id = coalesce(${templateId}::uuid, (select v.template_id from version v))
        and ${isReadable} and ${isHere}
    )
    select u.id as owner_id, u.username as owner_username, u.is_member,
      (select json_build_object('id', t.id, 'name', t.name, 'organization_id', t.organization_id,
          'deleted', t.deleted, 'deprecation_message', t.deprecation_message,
          'default_ttl_ms', t.default_ttl_ms, 'autostart_days', t.autostart_days,
          'active_version_id', t.active_version_id,
          'require_active_version', t.require_active_version,
          'allow_user_autostart', t.allow_user_autostart, 'may_create', ${mayCreate},
          'may_use', ${may("use", "template", templateIn)},
          'may_update', ${may("update", "template", templateIn)})
        from template t) as template,
      (select ${versionJson}
        from version v join provisioner_jobs j on j.id = v.job_id
        where v.template_id = (select t.id from template t)) as version,
      exists (select 1 from workspaces w where w.owner_id = u.id
        and lower(w.name) = lower(${name}) and not w.deleted) as is_name_taken
    from owner u`,
  )
}
