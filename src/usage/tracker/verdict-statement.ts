// Which keys may mark which workspaces as used, asked for many at once: the flush proves again what a shard remembers, and a shard
// that knows too little looks ahead. Both ask the same, so that neither takes what the other would not.
import { sql, type SQL } from "drizzle-orm"
import { keyMay, keyMembership } from "../../access/may.ts"
import { statement, type Statement } from "../../platform/db/client.ts"
import { instants, texts, uuids } from "../../platform/db/sql.ts"
import { factsJson } from "../facts-json.ts"
import type { UsageFacts } from "./mark.ts"
import type { VerdictRow } from "./rows.ts"
import { keyMarkMs, verdictIdleMsMax } from "./verdict-times.ts"

export type FoundVerdict = {
  key_id: string
  key_hash: string
  workspace_id: string
  facts: UsageFacts
}

/**
 * What must hold of a key `k` (api_keys) and a workspace `w` (workspaces) beside their own joins, and the joins that it takes: what
 * authenticate_user and `usagePermission` ask of one. A dormant user is left out, who is woken by authenticating in full.
 */
function proof(now: Date): SQL {
  const columns = { id: sql`w.id`, owner: sql`w.owner_id`, organization: sql`w.organization_id` }
  return sql`
      join users u on u.id = k.user_id and u.status = 'active' and not u.deleted and not u.is_system
      join templates t on t.id = w.template_id
      ${keyMembership(columns.organization)}
      where k.expires_at > ${now} and not w.deleted
        -- In a case, which the planner expects to hold for half of the rows: by themselves they are expected to hold for none.
        and case when ${keyMay("read", "workspace", columns)} and ${keyMay("update", "workspace", columns)} then true else false end`
}

/** The verdicts that still hold: the key lives and is the same, and may still do what it does. */
export function renewal(verdicts: readonly VerdictRow[], now: Date): SQL {
  return sql`
      select v.position::int as position, k.id as key_id, k.user_id, v.used_at, v.ip, ${factsJson} as facts
      from unnest(
        ${texts(verdicts.map((row) => row.key_id))},
        ${texts(verdicts.map((row) => row.key_hash))},
        ${uuids(verdicts.map((row) => row.workspace_id))},
        ${instants(verdicts.map((row) => new Date(row.used_at_ms)))},
        ${texts(verdicts.map((row) => row.ip))}
      ) with ordinality v(key_id, key_hash, workspace_id, used_at, ip, position)
      join api_keys k on k.id = v.key_id and k.hashed_secret = decode(v.key_hash, 'hex')
      join workspaces w on w.id = v.workspace_id
      ${proof(now)}`
}

/**
 * The pings that are likely to come to a shard: keys in use, with the running workspaces of their owners. In use is who was marked
 * within the hour that lies between two marks, or whose mark waits for a flush. The newest come first (index api_keys_last_used),
 * `countMax` keys and as many verdicts at most. Reads alone: to ask twice is harmless.
 */
export function lookAheadStatement(
  { shard, shardCount }: { shard: number; shardCount: number },
  countMax: number,
  now: Date,
): Statement<FoundVerdict> {
  const usedSince = new Date(now.getTime() - keyMarkMs - verdictIdleMsMax)
  return statement(
    "usage.look-ahead",
    sql`
    with recent as materialized (
      select * from api_keys where last_used_at >= ${usedSince} order by last_used_at desc limit ${countMax}
    ), running as materialized (
      select * from workspaces
      where owner_id in (select user_id from recent) and not deleted and latest_transition = 'start' and latest_job_status = 'succeeded'
        and stable_hash(id::text) % ${shardCount}::int = ${shard}::int
    )
    select k.id as key_id, encode(k.hashed_secret, 'hex') as key_hash, w.id as workspace_id, ${factsJson} as facts
      from recent k
      join running w on w.owner_id = k.user_id
      ${proof(now)}
      order by k.last_used_at desc limit ${countMax}`,
  )
}
