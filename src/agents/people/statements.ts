// Reads of agents on behalf of people: only of workspaces they may read, and never deleted ones.
import { sql, type SQL } from "drizzle-orm"
import { may, type ResourceColumns } from "../../access/may.ts"
import type { Action } from "../../access/permissions.ts"
import { statement, type Statement } from "../../platform/db/client.ts"
import { agentJson, type AgentJson } from "../views/resources-json.ts"

const columns: ResourceColumns = {
  id: sql`w.id`,
  owner: sql`w.owner_id`,
  organization: sql`w.organization_id`,
}

const mayDo = (action: Action): SQL => may(action, "workspace", columns)

export function agentById(
  id: string,
  now: Date,
): Statement<{ workspace_id: string; agent: AgentJson }> {
  return statement(
    "agents.by-id",
    sql`
    select w.id as workspace_id, ${agentJson("a", now)} as agent
    from workspace_agents a join workspaces w on w.id = a.workspace_id
    where a.id = ${id}::uuid and not a.deleted and not w.deleted and ${mayDo("read")}`,
  )
}

export type AgentReach = {
  workspace_id: string
  may_forward: boolean
  is_running: boolean
  is_latest: boolean
}

/**
 * Returns what the caller may do with the agent, without reading the agent itself.
 *
 * `withDeleted` includes an agent that a newer build has replaced: its logs stay readable.
 */
export function agentReach(id: string, options: { withDeleted: boolean }): Statement<AgentReach> {
  const isAlive = options.withDeleted ? sql`true` : sql`not a.deleted`
  return statement(
    "agents.reach",
    sql`
    select w.id as workspace_id, ${mayDo("ssh")} as may_forward,
      w.latest_build_id = a.build_id as is_latest,
      w.latest_build_id = a.build_id and w.latest_transition = 'start'
        and w.latest_job_status = 'succeeded' as is_running
    from workspace_agents a join workspaces w on w.id = a.workspace_id
    where a.id = ${id}::uuid and ${isAlive} and not w.deleted and ${mayDo("read")}`,
  )
}
