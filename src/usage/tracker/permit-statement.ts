// Which keys may mark which workspaces as used, for many at once.
//
// The flush proves again what a shard has cached, and a shard that knows too little looks ahead.
// Both use the same conditions, so neither accepts what the other would reject.
import { sql, type SQL } from "drizzle-orm"
import { keyMay, keyMembership } from "../../access/may.ts"
import { statement, type Statement } from "../../platform/db/client.ts"
import { instants, texts, uuids } from "../../platform/db/sql.ts"
import { type Columns, step, type Step } from "../../platform/db/steps.ts"
import { factsJson } from "../facts-json.ts"
import type { UsageFacts } from "./mark.ts"
import type { PermitRow } from "./rows.ts"
import { keyMarkMs, permitIdleMsMax } from "./permit-times.ts"

export type FoundPermit = {
  key_id: string
  key_hash: string
  workspace_id: string
  facts: UsageFacts
}

/**
 * The conditions on a key `k` (api_keys) and a workspace `w` (workspaces), and their joins.
 *
 * They are those that authenticate_user and `usagePermission` check for one request. A dormant user
 * is left out: only full authentication makes that user active again.
 */
function proof(now: Date): SQL {
  const columns = { id: sql`w.id`, owner: sql`w.owner_id`, organization: sql`w.organization_id` }
  const isGood = sql`key_problem(k.expires_at, u.deleted, u.is_system, u.status, ${now}) is null`
  const isAllowed = sql`${isGood} and ${keyMay("read", "workspace", columns)}
            and ${keyMay("update", "workspace", columns)}`
  return sql`
      join users u on u.id = k.user_id and u.status = 'active'
      join templates t on t.id = w.template_id
      ${keyMembership(columns.organization)}
      where not w.deleted
        -- The planner expects a case to hold for half of the rows. It would expect the bare
        -- condition to hold for none.
        and case when ${isAllowed} then true else false end`
}

export type Renewed = Columns<
  "renewed",
  "position" | "key_id" | "user_id" | "used_at" | "ip" | "facts"
>

/** The permits that still hold: the key exists, has the same secret, and may still do this. */
export function renewed(permits: readonly PermitRow[], now: Date): Step<never, Renewed> {
  return step(sql`renewed as materialized (
      select v.position::int as position, k.id as key_id, k.user_id, v.used_at, v.ip,
        ${factsJson} as facts
      from unnest(
        ${texts(permits.map((row) => row.key_id))},
        ${texts(permits.map((row) => row.key_hash))},
        ${uuids(permits.map((row) => row.workspace_id))},
        ${instants(permits.map((row) => new Date(row.used_at_ms)))},
        ${texts(permits.map((row) => row.ip))}
      ) with ordinality v(key_id, key_hash, workspace_id, used_at, ip, position)
      join api_keys k on k.id = v.key_id and k.hashed_secret = decode(v.key_hash, 'hex')
      join workspaces w on w.id = v.workspace_id
      ${proof(now)}
    )`)
}

/**
 * The pings that a shard is likely to receive: keys in use, with their owners' running workspaces.
 *
 * A key is in use if its use was written within the last hour, or may still wait for a flush. The
 * newest come first (index api_keys_last_used): at most `countMax` keys and as many permits. Only
 * reads, so running it twice is harmless.
 */
export function lookAheadStatement(
  { shard, shardCount }: { shard: number; shardCount: number },
  countMax: number,
  now: Date,
): Statement<FoundPermit> {
  const usedSince = new Date(now.getTime() - keyMarkMs - permitIdleMsMax)
  return statement(
    "usage.look-ahead",
    sql`
    with recent as materialized (
      select * from api_keys where last_used_at >= ${usedSince}
      order by last_used_at desc limit ${countMax}
    ), running as materialized (
      select * from workspaces
      where owner_id in (select user_id from recent) and not deleted
        and latest_transition = 'start' and latest_job_status = 'succeeded'
        and stable_hash(id::text) % ${shardCount}::int = ${shard}::int
    )
    select k.id as key_id, encode(k.hashed_secret, 'hex') as key_hash, w.id as workspace_id,
        ${factsJson} as facts
      from recent k
      join running w on w.owner_id = k.user_id
      ${proof(now)}
      order by k.last_used_at desc limit ${countMax}`,
  )
}
