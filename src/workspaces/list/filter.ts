// The workspace search as SQL conditions on `workspaces w`.
//
// Conditions are on the row itself where possible, so that lists sort and filter by its indexes.
// The others are look-ups by the id of the latest build.
import { sql, type SQL } from "drizzle-orm"
import { organizationIdOf, userIdOf } from "../../access/lookup.ts"
import { may } from "../../access/may.ts"
import { texts, uuids } from "../../platform/db/sql.ts"
import type { SearchableStatus, WorkspaceFilter } from "./search.ts"

const uuidPattern = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/

/**
 * All conditions of a search. Deleted workspaces are never found.
 *
 * A name of three characters or more uses the trigram index on lower(name). A shorter one scans the
 * names.
 */
export function matches(filter: WorkspaceFilter, now: Date): SQL {
  const conditions = [
    sql`not w.deleted`,
    when(filter.ids, (ids) => sql`w.id = any(${uuids(ids)})`),
    when(filter.ownerUsername, (owner) => sql`w.owner_id = ${userIdOf(owner)}`),
    when(filter.name, (name) => sql`lower(w.name) like ${`%${withoutEscapes(name)}%`}`),
    when(
      filter.templateName,
      (name) =>
        sql`w.template_id in (select t.id from templates t
          where lower(t.name) = ${name} and not t.deleted)`,
    ),
    when(
      filter.organization,
      (organization) => sql`w.organization_id = ${organizationIdOf(organization)}`,
    ),
    when(filter.status, hasStatus),
    when(filter.hasAgentStatuses, (statuses) => hasAgentIn(statuses, now)),
    when(filter.dormant, () => sql`w.dormant_at is not null`),
    // A workspace that was never used counts as used before any instant.
    when(
      filter.lastUsedBefore,
      (at) => sql`(w.last_used_at is null or w.last_used_at <= ${at}::timestamptz)`,
    ),
    when(filter.lastUsedAfter, (at) => sql`w.last_used_at >= ${at}::timestamptz`),
    when(filter.usingActive, isUsingActive),
    when(filter.hasParam, hasParameterNamed),
    when(filter.params, hasParameterPair),
    // No workspace has an AI task.
    when(filter.hasAiTask, (hasTask) => sql`${!hasTask}::boolean`),
    when(
      filter.hasExternalAgent,
      (has) => sql`exists (select 1 from workspace_builds b
        where b.id = w.latest_build_id and b.has_external_agent = ${has}::boolean)`,
    ),
    when(
      filter.shared,
      (shared) => sql`(w.user_acl <> '{}' or w.group_acl <> '{}') = ${shared}::boolean`,
    ),
    when(filter.sharedWithUser, (user) => sql`w.user_acl ? ${userIdOf(user)}::text`),
    when(filter.sharedWithGroup, (group) => sql`w.group_acl ? ${groupIdOf(group)}::text`),
  ]
  return sql.join(
    conditions.filter((condition) => condition !== undefined),
    sql` and `,
  )
}

function when<Value>(value: Value | undefined, condition: (value: Value) => SQL): SQL | undefined {
  return value === undefined ? undefined : condition(value)
}

/** What a search names and must exist. `problem` is the answer if it does not. */
export function namedThings(
  filter: WorkspaceFilter,
): { field: string; problem: string; id: SQL }[] {
  const things: { field: string; problem: string; id: SQL }[] = []
  if (filter.organization) {
    const name = JSON.stringify(filter.organization)
    const problem = `organization ${name} either does not exist, or you are unauthorized to view it`
    const id = readableOrganization(filter.organization)
    things.push({ field: "organization", problem, id })
  }
  if (filter.sharedWithUser) {
    const name = JSON.stringify(filter.sharedWithUser)
    const problem = `user ${name} either does not exist, or you are unauthorized to view them`
    // A name that the caller may not read must answer as one that does not exist.
    const id = sql`(select u.id from users u where u.id = ${userIdOf(filter.sharedWithUser)}
      and ${may("read", "user", { id: sql`u.id`, owner: sql`u.id` })})`
    things.push({ field: "shared_with_user", problem, id })
  }
  if (filter.sharedWithGroup) {
    const { organization, group } = filter.sharedWithGroup
    if (organization !== null) {
      const name = JSON.stringify(organization)
      const problem = `organization ${name} either does not exist, or you are unauthorized to view it`
      const id = readableOrganization(organization)
      things.push({ field: "shared_with_group", problem, id })
    }
    const name = JSON.stringify(group)
    const problem = `group ${name} either does not exist, or you are unauthorized to view it`
    things.push({ field: "shared_with_group", problem, id: groupIdOf(filter.sharedWithGroup) })
  }
  return things
}

function readableOrganization(name: string): SQL {
  return sql`(select o.id from organizations o where o.id = ${organizationIdOf(name)}
    and ${may("read", "organization", { id: sql`o.id`, organization: sql`o.id` })})`
}

/** `%` and `_` are wildcards of the search language; the backslash is not an escape. */
function withoutEscapes(pattern: string): string {
  return pattern.replaceAll("\\", "\\\\")
}

const mayReadGroup = may("read", "group", { id: sql`g.id`, organization: sql`g.organization_id` })

function groupIdOf({ organization, group }: { organization: string | null; group: string }): SQL {
  if (organization === null && uuidPattern.test(group)) {
    return sql`(select g.id from groups g where g.id = ${group}::uuid and ${mayReadGroup})`
  }
  return sql`(select g.id from groups g
    where lower(g.name) = ${group} and ${mayReadGroup}
      and g.organization_id = ${organizationIdOf(organization ?? "default")})`
}

// The transition and the job status of each status name. Null means any transition.
const latestOf: Record<SearchableStatus, { transition: string | null; job: string }> = {
  pending: { transition: null, job: "pending" },
  starting: { transition: "start", job: "running" },
  running: { transition: "start", job: "succeeded" },
  stopping: { transition: "stop", job: "running" },
  stopped: { transition: "stop", job: "succeeded" },
  deleting: { transition: "delete", job: "running" },
  deleted: { transition: "delete", job: "succeeded" },
  failed: { transition: null, job: "failed" },
  canceling: { transition: null, job: "canceling" },
  canceled: { transition: null, job: "canceled" },
}

/** Uses the copies of the latest build on the workspace row. */
function hasStatus(status: SearchableStatus): SQL {
  const { transition, job } = latestOf[status]
  // Must be written as the index workspaces_list_order writes it.
  if (status === "running")
    return sql`(w.latest_transition = 'start' and w.latest_job_status = 'succeeded') is true`
  if (transition === null) return sql`w.latest_job_status = ${job}`
  return sql`(w.latest_transition = ${transition} and w.latest_job_status = ${job})`
}

/** True for any agent, including sub agents, of a latest build that is a start. */
function hasAgentIn(statuses: string[], now: Date): SQL {
  return sql`(w.latest_transition = 'start' and exists (select 1 from workspace_agents a
    where a.build_id = w.latest_build_id and not a.deleted
      and agent_status(a, ${now}::timestamptz) = any(${texts(statuses)})))`
}

function isUsingActive(usingActive: boolean): SQL {
  return sql`exists (select 1 from workspace_builds b join templates t on t.id = w.template_id
    where b.id = w.latest_build_id
      and (b.template_version_id = t.active_version_id) = ${usingActive}::boolean)`
}

function hasParameterNamed(names: string[]): SQL {
  const patterns = names.map(withoutEscapes)
  return sql`exists (select 1 from workspace_build_parameters p
    where p.workspace_build_id = w.latest_build_id and p.name ilike any(${texts(patterns)}))`
}

function hasParameterPair(pairs: { name: string; value: string }[]): SQL {
  return sql`exists (select 1 from workspace_build_parameters p
    join unnest(${texts(pairs.map((pair) => pair.name))},
      ${texts(pairs.map((pair) => pair.value))}) as wanted (name, value)
      on lower(p.name) = wanted.name and lower(p.value) = wanted.value
    where p.workspace_build_id = w.latest_build_id)`
}
