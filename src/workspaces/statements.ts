// Reading workspaces: one statement per question, with the permissions in its where clause.
import { sql, type SQL } from "drizzle-orm"
import { userIdOf } from "../access/lookup.ts"
import { statement, type Statement } from "../platform/db/client.ts"
import { matches, namedThings } from "./list/filter.ts"
import { isVisible, pageOf, type PageCursor, type PageRange } from "./list/page.ts"
import type { WorkspaceFilter } from "./list/search.ts"
import { agentMetadataColumn, workspaceColumns, type WorkspaceRow } from "./view.ts"

/** A page of the list with each workspace whole. */
export function listPage(
  filter: WorkspaceFilter,
  range: PageRange,
  now: Date,
): Statement<WorkspaceRow & PageCursor> {
  const keys = filter.includeAgentMetadata
  const metadata = keys === undefined ? sql`` : sql`, ${agentMetadataColumn(keys)}`
  return statement(
    "workspaces.page",
    sql`with page as materialized (${pageOf(filter, range, now)})
      select ${workspaceColumns(now)}${metadata}, page.rank, page.owner_key, page.name_key
      from page join workspaces_expanded whole on whole.id = page.id
      order by page.rank, page.owner_key, page.name_key, page.id`,
  )
}

/**
 * The number of matching workspaces, and whether each thing that the search names exists (in the
 * order of `namedThings`).
 */
export function countMatches(
  filter: WorkspaceFilter,
  now: Date,
): Statement<{ count: number; found: boolean[] }> {
  const found = namedThings(filter).map(({ id }) => sql`${id} is not null`)
  return statement(
    "workspaces.count",
    sql`select count(*)::int as count, array[${sql.join(found, sql`, `)}]::boolean[] as found
      from workspaces w where ${isVisible()} and ${matches(filter, now)}`,
  )
}

/** One workspace by its id, deleted or not. */
export function workspaceById(id: string, now: Date): Statement<WorkspaceRow> {
  const found = sql`select w.id from workspaces w where w.id = ${id}::uuid and ${isVisible()}`
  return statement("workspaces.by-id", oneWorkspace(found, now))
}

/**
 * One workspace by its owner and name. The latest deleted one counts if no live one has the name.
 *
 * Live and deleted workspaces have an index each, so each has its own query.
 */
export function workspaceByName(
  user: string,
  name: string,
  includeDeleted: boolean,
  now: Date,
): Statement<WorkspaceRow> {
  const isIt = sql`w.owner_id = ${userIdOf(user)} and lower(w.name) = lower(${name})
    and ${isVisible()}`
  const living = sql`(select w.id, 0 as rank from workspaces w where ${isIt} and not w.deleted)`
  const deleted = sql`(select w.id, 1 as rank from workspaces w where ${isIt} and w.deleted
    order by w.updated_at desc limit 1)`
  const found = includeDeleted ? sql`${living} union all ${deleted} order by rank limit 1` : living
  return statement("workspaces.by-name", oneWorkspace(found, now))
}

/** `found` is a query of at most one id, permissions included. */
function oneWorkspace(found: SQL, now: Date): SQL {
  return sql`with found as materialized (${found})
    select ${workspaceColumns(now)}
    from found join workspaces_expanded whole on whole.id = found.id`
}

/** The workspace of a build, for the caller that has just made the build. */
export function workspaceOfBuild(buildId: string, now: Date): Statement<WorkspaceRow> {
  return statement(
    "workspaces.of-build",
    sql`select ${workspaceColumns(now)} from workspaces_expanded whole
      where whole.latest_build_id = ${buildId}::uuid`,
  )
}

/** The template of a workspace that the caller may watch, and whether it is deleted. */
export function watchTarget(id: string): Statement<{ template_id: string; deleted: boolean }> {
  return statement(
    "workspaces.watch-target",
    sql`select w.template_id, w.deleted from workspaces w
      where w.id = ${id}::uuid and ${isVisible()}`,
  )
}
