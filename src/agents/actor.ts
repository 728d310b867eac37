// The agent that authentication published to the transaction, as SQL.
import { sql, type SQL } from "drizzle-orm"
import { statement, type Statement } from "../platform/db/client.ts"

export const actorAgentId: SQL = sql`(select (actor() ->> 'agent_id')::uuid)`
export const actorWorkspaceId: SQL = sql`(select (actor() ->> 'workspace_id')::uuid)`

const touchAfterMs = 10_000

/**
 * Records that an agent without a socket is alive. An agent with one is connected anyway.
 *
 * Runs before the call's own statement, in the same transaction. Writes each ten seconds at most,
 * since an agent stays connected for thirty.
 */
export function touchAgent(now: Date): Statement<never> {
  const staleAt = new Date(now.getTime() - touchAfterMs)
  return statement(
    "agents.touch",
    sql`
    update workspace_agents set last_connected_at = ${now},
      first_connected_at = coalesce(first_connected_at, ${now}::timestamptz)
    where id = ${actorAgentId} and not socket_open
      and (last_connected_at is null or last_connected_at < ${staleAt}
        or disconnected_at >= last_connected_at)`,
  )
}
