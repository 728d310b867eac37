// The ttl of a workspace: its own, or its template's where the template forbids a choice.
import { sql, type SQL } from "drizzle-orm"
import { durationMsMax } from "../platform/http/instants.ts"

/**
 * The rule in TypeScript. Null means no autostop, as does a template's 0.
 *
 * The API rejects a ttl beyond the maximum. One that is stored all the same is clamped: its
 * deadline would be beyond the instants that the database and clients can hold.
 */
export function ttlInForceMs(
  workspace: { ttlMs: number | null },
  template: { allowUserAutostop: boolean; defaultTtlMs: number },
): number | null {
  const ttlMs = template.allowUserAutostop ? workspace.ttlMs : template.defaultTtlMs
  return ttlMs === null ? null : Math.min(ttlMs, durationMsMax)
}

/**
 * The rule in SQL, over the aliases `w` (workspaces) and `t` (templates); `duration_of` clamps
 * it.
 */
export const ttlInForceSql: SQL = sql`case when t.allow_user_autostop then w.ttl_ms
  else t.default_ttl_ms end`
