// What the health report reads in one statement: the last tick, the daemons, the usage signal.
import { sql } from "drizzle-orm"
import { may } from "../../access/may.ts"
import { statement } from "../../platform/db/client.ts"
import type { DaemonRow } from "../../queue/daemons/statements.ts"
import { aliveSince } from "../../queue/matching.ts"

export type HealthRow = {
  allowed: boolean
  tick_at: Date | null
  lag_ms: number | null
  tick_error: string | null
  unflushed_shards: number[] | null
  dismissed: string[]
}

export const healthFacts = statement<HealthRow>(
  "health.facts",
  sql`
  select ${may("read", "deployment_config")} as allowed, t.tick_at, t.lag_ms, t.error as tick_error,
    t.unflushed_shards,
    coalesce(
      (select value -> 'dismissed_healthchecks' from site_configs where key = 'health_settings'),
      '[]') as dismissed
  from (select) one
  left join lateral (
    select tick_at, lag_ms, error, unflushed_shards from lifecycle_ticks
    order by tick_at desc nulls last limit 1
  ) t on true`,
)

const daemonsMax = 200

/** Daemons that are alive, in every organization. */
export const aliveDaemons = (now: Date) =>
  statement<DaemonRow>(
    "health.daemons",
    sql`
    select d.id, d.organization_id, d.key_id, k.name as key_name, d.created_at, d.last_seen_at,
      d.name, d.version, d.api_version, d.provisioners, d.tags
    from provisioner_daemons d join provisioner_keys k on k.id = d.key_id
    where d.last_seen_at >= ${aliveSince(now)}::timestamptz
      and ${may("read", "deployment_config")}
    order by d.created_at desc limit ${daemonsMax}`,
  )
