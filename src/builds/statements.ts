// Statements that read builds.
//
// A caller who may read the workspace may read its builds. Only callers who may update the template
// may read or replace a build's state.
import { type SQL, sql } from "drizzle-orm"
import { userIdOf } from "../access/lookup.ts"
import { may } from "../access/may.ts"
import { type Statement, statement } from "../platform/db/client.ts"
import { resourcesJson, type ResourceJson } from "../agents/views/resources-json.ts"
import { readableWorkspace } from "./create/context.ts"
import type { NamedValue } from "./create/version.ts"
import { type BuildJson, buildJson } from "./view.ts"

export type BuildRow = { build: BuildJson }

// The aliases differ from those inside the JSON document.
const readable = sql`workspace_builds it
  join workspaces home on home.id = it.workspace_id and ${readableWorkspace("home")}`

export const buildById = (id: string, now: Date, isSystem = false): Statement<BuildRow> =>
  statement(
    "builds.by-id",
    sql`select ${buildJson(sql`it.id`, now)} as build
      from ${isSystem ? sql`workspace_builds it` : readable} where it.id = ${id}::uuid`,
  )

export type BuildPage = {
  limit: number
  offset: number
  afterId: string | null
  since: Date | null
}

/** Builds of a workspace, the newest first. The page begins after `afterId`. */
export const listBuilds = (workspaceId: string, page: BuildPage, now: Date): Statement<BuildRow> =>
  statement(
    "builds.list",
    sql`select ${buildJson(sql`it.id`, now)} as build from ${readable}
    where it.workspace_id = ${workspaceId}::uuid
      and (${page.since}::timestamptz is null or it.created_at > ${page.since}::timestamptz)
      and (${page.afterId}::uuid is null or it.build_number < (
        select a.build_number from workspace_builds a where a.id = ${page.afterId}::uuid))
    order by it.build_number desc
    limit ${page.limit === 0 ? null : page.limit}::bigint offset ${page.offset}::bigint`,
  )

/**
 * Returns one row where the caller may read the workspace; `after_found` says that `afterId` is one
 * of its builds.
 */
export const buildListGate = (
  workspaceId: string,
  afterId: string | null,
): Statement<{ after_found: boolean }> =>
  statement(
    "builds.list-gate",
    sql`select (${afterId}::uuid is null or exists (
        select 1 from workspace_builds a where a.id = ${afterId}::uuid
          and a.workspace_id = home.id)) as after_found
    from workspaces home where home.id = ${workspaceId}::uuid and ${readableWorkspace("home")}`,
  )

/**
 * A build by its number, in the owner's living workspace of that name, else in the one that was
 * deleted last.
 */
export const buildByNumber = (
  user: string,
  workspace: string,
  number: number,
  now: Date,
): Statement<{ workspace_name: string; build: BuildJson | null }> =>
  statement(
    "builds.by-number",
    sql`select home.name as workspace_name, ${buildJson(
      sql`(select it.id from workspace_builds it where it.workspace_id = home.id
        and it.build_number = ${number}::int)`,
      now,
    )} as build
    from workspaces home join users who on who.id = home.owner_id and who.id = ${userIdOf(user)}
    where lower(home.name) = lower(${workspace}) and ${readableWorkspace("home")}
    order by home.deleted, home.created_at desc limit 1`,
  )

/** The values of a build, by name. */
export const buildParameters = (id: string): Statement<{ parameters: NamedValue[] }> =>
  statement(
    "builds.parameters",
    sql`select (select coalesce(json_agg(json_build_object('name', p.name, 'value', p.value)
      order by p.name), '[]')
      from workspace_build_parameters p where p.workspace_build_id = it.id) as parameters
    from ${readable} where it.id = ${id}::uuid`,
  )

export const buildResources = (
  id: string,
  now: Date,
): Statement<{ completed: boolean; resources: ResourceJson[] }> =>
  statement(
    "builds.resources",
    sql`select k.completed_at is not null as completed, ${resourcesJson(sql`it.job_id`, now)}
      as resources
    from ${readable} join provisioner_jobs k on k.id = it.job_id where it.id = ${id}::uuid`,
  )

const mine = { id: sql`mine.id`, organization: sql`mine.organization_id` }
const templateUpdatable = (): SQL =>
  sql`exists (select 1 from templates mine where mine.id = home.template_id
    and ${may("update", "template", mine)})`

/** The provisioner's state. Returns no row unless the caller may update the template. */
export const buildState = (id: string): Statement<{ state: Uint8Array | null }> =>
  statement(
    "builds.state",
    sql`select it.provisioner_state as state from ${readable} where it.id = ${id}::uuid
      and ${templateUpdatable()}`,
  )

/** Returns one row where the build can be read; `allowed` says whether the state was replaced. */
export const replaceState = (
  id: string,
  state: Uint8Array,
  now: Date,
): Statement<{ allowed: boolean }> =>
  statement(
    "builds.replace-state",
    sql`with asked as (
      select it.id, ${templateUpdatable()} as allowed from ${readable} where it.id = ${id}::uuid
    ), written as (
      update workspace_builds b set provisioner_state = ${state}::bytea,
        updated_at = ${now}::timestamptz
      from asked a where a.allowed and b.id = a.id
    )
    select allowed from asked`,
  )

/** The job of a build that the caller may read. */
export const buildJob = (id: string): Statement<{ job_id: string; workspace_id: string }> =>
  statement(
    "builds.job",
    sql`select it.job_id, it.workspace_id from ${readable} where it.id = ${id}::uuid`,
  )
