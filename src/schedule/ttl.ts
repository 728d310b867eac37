// The ttl of a workspace: its own, or its template's where the template forbids a choice.
import { sql, type SQL } from "drizzle-orm"

/** The rule in TypeScript. Null means no autostop, as does a template's 0. */
export function ttlInForceMs(
  workspace: { ttlMs: number | null },
  template: { allowUserAutostop: boolean; defaultTtlMs: number },
): number | null {
  return template.allowUserAutostop ? workspace.ttlMs : template.defaultTtlMs
}

/** The rule in SQL, over the aliases `w` (workspaces) and `t` (templates). */
export const ttlInForceSql: SQL = sql`case when t.allow_user_autostop then w.ttl_ms
  else t.default_ttl_ms end`
