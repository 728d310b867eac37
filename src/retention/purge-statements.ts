// What retention deletes: one bounded statement for each kind of row.
//
// Each is safe to repeat and to run twice at once.
import { type SQL, sql } from "drizzle-orm"
import { type Statement, statement } from "../platform/db/client.ts"
import { dropOldBuilds, dropOldStates, dropUnusedVersions } from "./purge-builds.ts"
import { type Retained, retentionMs } from "./periods.ts"

/** The most rows of one statement, so that its locks and its log are short. */
const rowCountMax = 5_000

const aheadMsMax = 2 * 24 * 3_600_000

/** Builds take all that they left with them, a hundred rows and more. */
const buildCountMax = 500

export type Purge = {
  kind: Retained
  /** A statement that removes this many has probably not removed all. */
  countMax: number
  statement: Statement<{ count: number }>
}

const beforeOf = (kind: Retained, now: Date): SQL =>
  sql`${new Date(now.getTime() - retentionMs[kind])}::timestamptz`

/**
 * No row is dated later than this by the server's own clock: instants of clients are moved into a
 * window around now. A later one would stay at the head and stop a purge that goes by age, so it
 * counts as old.
 */
const aheadOf = (now: Date): SQL => sql`${new Date(now.getTime() + aheadMsMax)}::timestamptz`

/** Deletes the rows that a condition picks, by `ctid`; locked rows are left for the next time. */
function purgeWhere(kind: Retained, where: SQL): Purge {
  const name = sql.identifier(kind)
  return {
    kind,
    countMax: rowCountMax,
    statement: statement(
      `retention.${kind}`,
      sql`with gone as (
        delete from ${name} where ctid = any (array(
          select t.ctid from ${name} t where ${where} limit ${rowCountMax} for update skip locked))
        returning 1
      ) select count(*) as count from gone`,
    ),
  }
}

/**
 * Deletes rows whose ids grow with their instant. Looks only at the oldest ids, by the primary key.
 * So a purge with nothing to do reads its bound of rows, which are on a few hundred adjacent pages.
 */
function purgeOldest(kind: Retained, column: string, now: Date, further: SQL = sql``): Purge {
  const name = sql.identifier(kind)
  return {
    kind,
    countMax: rowCountMax,
    statement: statement(
      `retention.${kind}`,
      sql`with oldest as (
        select t.id, t.${sql.identifier(column)} as at from ${name} t order by t.id
          limit ${rowCountMax}
      ), gone as (
        delete from ${name} t using oldest o where t.id = o.id
          and (o.at < ${beforeOf(kind, now)} or o.at > ${aheadOf(now)}) ${further}
        returning 1
      ) select count(*) as count from gone`,
    ),
  }
}

/** Raw statistics are kept until the roll-up has passed them by a day, however late it is. */
const isRolledUp = sql`and o.at < (
  select m.through_at - interval '1 day' from rollup_marks m where m.name = 'usage')`

/** Purges of every minute: an index finds their rows by age. */
export function minutePurges(now: Date): Purge[] {
  const before = (kind: Retained) => beforeOf(kind, now)
  return [
    purgeOldest("provisioner_job_logs", "created_at", now),
    purgeOldest("provisioner_job_timings", "started_at", now),
    purgeOldest("workspace_agent_logs", "created_at", now),
    purgeOldest("workspace_agent_script_timings", "started_at", now),
    purgeOldest("workspace_agent_stats", "created_at", now, isRolledUp),
    purgeOldest("workspace_app_stats", "session_ended_at", now, isRolledUp),
    purgeOldest("lifecycle_ticks", "tick_at", now),
    purgeWhere("template_usage_stats", sql`t.start_time < ${before("template_usage_stats")}`),
    purgeWhere("audit_logs", sql`t.time < ${before("audit_logs")}`),
    purgeWhere(
      "notification_messages",
      sql`t.status <> 'pending' and t.created_at < ${before("notification_messages")}`,
    ),
    purgeWhere("inbox_notifications", sql`t.created_at < ${before("inbox_notifications")}`),
    purgeWhere("api_keys", sql`t.expires_at < ${before("api_keys")}`),
    purgeWhere(
      "provisioner_daemons",
      sql`coalesce(t.last_seen_at, t.created_at) < ${before("provisioner_daemons")}
        and not exists (select from provisioner_jobs j where j.worker_id = t.id
          and j.completed_at is null)`,
    ),
    {
      kind: "provisioner_state",
      countMax: rowCountMax,
      statement: dropOldStates(before("provisioner_state"), rowCountMax),
    },
    {
      kind: "provisioner_jobs",
      countMax: buildCountMax,
      statement: dropOldBuilds(before("provisioner_jobs"), buildCountMax),
    },
  ]
}

/** Purges of every hour: rare rows, or reads that pass over rows that stay. */
export function hourlyPurges(now: Date): Purge[] {
  const before = (kind: Retained) => beforeOf(kind, now)
  return [
    // The newest status of an application is what its workspace shows.
    purgeWhere(
      "workspace_app_statuses",
      sql`t.created_at < ${before("workspace_app_statuses")}
        and exists (select from workspace_app_statuses n where n.app_id = t.app_id
          and n.created_at > t.created_at)`,
    ),
    // A status stays while it is what a person's later days start from.
    purgeWhere(
      "user_status_changes",
      sql`t.changed_at < ${before("user_status_changes")} and exists (
        select from user_status_changes n where n.user_id = t.user_id
          and (n.changed_at, n.id) > (t.changed_at, t.id)
          and n.changed_at < ${before("user_status_changes")})`,
    ),
    // Series of templates and queues that nothing adds to any longer.
    // A series of one workspace ends after a day, or the page would list every workspace's builds.
    purgeWhere(
      "metrics",
      sql`t.updated_at < ${before("metrics")} or (t.name = 'coderd_workspace_builds_total'
        and t.updated_at < ${new Date(now.getTime() - 86_400_000)}::timestamptz)`,
    ),
    {
      kind: "template_versions",
      countMax: buildCountMax,
      statement: dropUnusedVersions(before("template_versions"), buildCountMax),
    },
  ]
}
