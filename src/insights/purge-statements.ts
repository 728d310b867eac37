/** What retention deletes: one bounded statement for each kind of row. Each is safe to repeat and beside itself. */
import { type SQL, sql } from "drizzle-orm"
import { type Statement, statement } from "../db/client.ts"
import { type Retained, retentionMs } from "./retention-periods.ts"

/** Rows that one statement removes at most, so that its locks and its log are short. */
export const PURGE_COUNT_MAX = 5_000

export type Purged = { count: number }

const before = (kind: Retained, now: Date) => sql`${new Date(now.getTime() - retentionMs[kind])}::timestamptz`

/** Deletes the rows that a query picks by `ctid`; rows that somebody holds are left for the next time. */
function purge(kind: Retained, table: string, picked: SQL): Statement<Purged> {
  const name = sql.identifier(table)
  return statement(
    `retention.${kind}`,
    sql`with gone as (
      delete from ${name} where ctid = any (array(
        select t.ctid from ${name} t ${picked} limit ${PURGE_COUNT_MAX} for update skip locked))
      returning 1
    ) select count(*) as count from gone`,
  )
}

/**
 * Rows whose ids grow with their instant: the oldest ids are looked at, by the primary key, and none beyond them, so a
 * purge with nothing to do reads one page.
 */
function purgeOldest(kind: Retained, instant: SQL, at: SQL, further: SQL = sql``): Statement<Purged> {
  const name = sql.identifier(kind)
  return statement(
    `retention.${kind}`,
    sql`with oldest as (
      select t.id, ${instant} as at from ${name} t order by t.id limit ${PURGE_COUNT_MAX}
    ), gone as (
      delete from ${name} t using oldest o where t.id = o.id and o.at < ${at} ${further}
      returning 1
    ) select count(*) as count from gone`,
  )
}

/** Raw statistics are kept until the roll-up has passed them by a day, however late it is. */
const isRolledUp = sql`and o.at < (select m.through_at - interval '1 day' from rollup_marks m where m.name = 'usage')`

export function purgeStatements(now: Date): [Retained, Statement<Purged>][] {
  const oldest = (kind: Retained, column: string, further?: SQL): [Retained, Statement<Purged>] => [
    kind,
    purgeOldest(kind, sql`t.${sql.identifier(column)}`, before(kind, now), further),
  ]
  const picked = (kind: Retained, where: SQL): [Retained, Statement<Purged>] => [
    kind,
    purge(kind, kind, sql`where ${where}`),
  ]
  return [
    oldest("provisioner_job_logs", "created_at"),
    oldest("provisioner_job_timings", "started_at"),
    oldest("workspace_agent_logs", "created_at"),
    oldest("workspace_agent_script_timings", "started_at"),
    oldest("workspace_agent_stats", "created_at", isRolledUp),
    oldest("workspace_app_stats", "session_ended_at", isRolledUp),
    oldest("lifecycle_ticks", "tick_at"),
    picked("template_usage_stats", sql`t.start_time < ${before("template_usage_stats", now)}`),
    picked("audit_logs", sql`t.time < ${before("audit_logs", now)}`),
    picked(
      "notification_messages",
      sql`t.status <> 'pending' and t.created_at < ${before("notification_messages", now)}`,
    ),
    picked("inbox_notifications", sql`t.created_at < ${before("inbox_notifications", now)}`),
    picked("api_keys", sql`t.expires_at < ${before("api_keys", now)}`),
    picked(
      "provisioner_daemons",
      sql`coalesce(t.last_seen_at, t.created_at) < ${before("provisioner_daemons", now)}
        and not exists (select from provisioner_jobs j where j.worker_id = t.id and j.completed_at is null)`,
    ),
    ["provisioner_state", dropOldStates(now)],
  ]
}

/** A state is what the next build starts from, so the latest one stays, however old; earlier ones are history. */
function dropOldStates(now: Date): Statement<Purged> {
  return statement(
    "retention.provisioner_state",
    sql`with old as (
      select b.id from workspace_builds b join workspaces w on w.id = b.workspace_id
      where b.provisioner_state is not null and b.created_at < ${before("provisioner_state", now)}
        and (w.deleted or b.build_number < w.latest_build_number)
        and exists (select from workspace_builds n where n.workspace_id = b.workspace_id
          and n.build_number > b.build_number and n.provisioner_state is not null)
      order by b.created_at limit ${PURGE_COUNT_MAX} for update of b skip locked
    ), dropped as (
      update workspace_builds b set provisioner_state = null from old where b.id = old.id returning 1
    ) select count(*) as count from dropped`,
  )
}

/** Uploads that no version was made of. Jobs take their file from a version, so versions are all that can hold one. */
export function deleteOrphanFiles(now: Date): Statement<{ hash: string }> {
  return statement(
    "retention.files",
    sql`with orphans as (
      select f.id from files f
      where f.created_at < ${before("files", now)} and not exists (select from template_versions v where v.file_id = f.id)
      order by f.created_at limit 50 for update skip locked
    )
    delete from files f using orphans o
    where f.id = o.id and not exists (select from provisioner_jobs j where j.file_id = f.id)
    returning f.hash`,
  )
}

/** Of these contents, those that no upload names any more. */
export function findUnnamed(hashes: readonly string[]): Statement<{ hash: string }> {
  return statement(
    "retention.unnamed-contents",
    sql`select distinct h.hash from unnest(${sql.param(hashes)}::text[]) as h(hash)
      where not exists (select from files f where f.hash = h.hash)`,
  )
}
