// The resources that an engine reported, as rows of their tables.
//
// Ids are made here, so that one statement can insert them all.
import { findAppUrlError, toAppRow } from "../../agents/app-row.ts"
import {
  externalAgentType,
  type ReportedAgent,
  type ReportedResource,
} from "../../templates/manifest/reported.ts"
import type { Transition } from "../jobs/protocol.ts"
import { withoutNul } from "../../platform/db/without-nul.ts"

export type AgentToken = { hash: string | null; encrypted: string | null }

const displayAppsDefault = ["vscode", "web_terminal", "ssh_helper", "port_forwarding_helper"]
const connectionTimeoutSecondsDefault = 120

export type ResourceRows = {
  resources: object[]
  metadata: object[]
  agents: object[]
  apps: object[]
  scripts: object[]
  agentMetadata: object[]
}

/**
 * Converts the resources that a job reported for a transition. Only a start has agents; a stop or a
 * delete leaves none. `tokenOf` returns what an agent authenticates with, nulls for the agents of a
 * plan.
 */
export function toResourceRows(
  reported: readonly ReportedResource[],
  transition: Transition,
  tokenOf: (agent: ReportedAgent) => AgentToken,
): ResourceRows {
  const rows: ResourceRows = {
    resources: [],
    metadata: [],
    agents: [],
    apps: [],
    scripts: [],
    agentMetadata: [],
  }
  for (const resource of withoutNul(reported)) {
    const resourceId = crypto.randomUUID()
    rows.resources.push({
      id: resourceId,
      transition,
      type: resource.type,
      name: resource.name,
      hide: resource.hide ?? false,
      icon: resource.icon ?? "",
      daily_cost: resource.daily_cost ?? 0,
    })
    for (const [position, { key, value, sensitive }] of (resource.metadata ?? []).entries()) {
      rows.metadata.push({
        resource_id: resourceId,
        position,
        key,
        value: value ?? "",
        sensitive: sensitive ?? false,
      })
    }
    if (transition !== "start") continue
    for (const agent of resource.agents ?? []) {
      addAgent(rows, resourceId, withKeyScope(agent, resource.type), tokenOf(agent))
    }
  }
  return rows
}

/**
 * The token of an external agent is shown to people and stored on their machines. So it gives no
 * data of the owner, unless the template asks for it.
 */
function withKeyScope(agent: ReportedAgent, resourceType: string): ReportedAgent {
  const scope = resourceType === externalAgentType ? "no_user_data" : "all"
  return { ...agent, api_key_scope: agent.api_key_scope ?? scope }
}

function addAgent(
  rows: ResourceRows,
  resourceId: string,
  agent: ReportedAgent,
  token: AgentToken,
): void {
  const agentId = crypto.randomUUID()
  rows.agents.push({
    id: agentId,
    resource_id: resourceId,
    name: agent.name,
    display_order: agent.order ?? 0,
    hashed_token: token.hash,
    encrypted_token: token.encrypted,
    auth_instance_id: agent.instance_id ?? null,
    api_key_scope: agent.api_key_scope ?? "all",
    architecture: agent.arch ?? "",
    operating_system: agent.os ?? "",
    directory: agent.directory ?? "",
    environment_variables: agent.env ?? null,
    display_apps: agent.display_apps ?? displayAppsDefault,
    motd_file: agent.motd_file ?? "",
    troubleshooting_url: agent.troubleshooting_url ?? "",
    connection_timeout_seconds: agent.connection_timeout_seconds ?? connectionTimeoutSecondsDefault,
  })
  for (const app of agent.apps ?? []) {
    rows.apps.push({ agent_id: agentId, ...toAppRow(app, app.slug, app.sharing_level) })
  }
  for (const script of agent.scripts ?? []) {
    rows.scripts.push({
      id: crypto.randomUUID(),
      agent_id: agentId,
      log_source_id: crypto.randomUUID(),
      log_path: script.log_path ?? "",
      script: script.script,
      cron: script.cron ?? "",
      run_on_start: script.run_on_start ?? false,
      run_on_stop: script.run_on_stop ?? false,
      start_blocks_login: script.start_blocks_login ?? false,
      timeout_seconds: script.timeout_seconds ?? 0,
      display_name: script.display_name ?? "",
      icon: script.icon ?? "",
    })
  }
  for (const item of agent.metadata ?? []) {
    rows.agentMetadata.push({
      agent_id: agentId,
      key: item.key,
      display_name: item.display_name ?? "",
      script: item.script,
      display_order: item.order ?? 0,
      interval_seconds: item.interval_seconds ?? 0,
      timeout_seconds: item.timeout_seconds ?? 0,
    })
  }
}

/**
 * Returns a sentence about a name that occurs twice or a URL that an app must not have, or null.
 */
export function findResourceError(resources: readonly ReportedResource[]): string | null {
  const agents = resources.flatMap((resource) => resource.agents ?? [])
  const agentName = firstRepeated(agents.map((agent) => agent.name.toLowerCase()))
  if (agentName !== null) return `Two agents are named ${JSON.stringify(agentName)}.`
  for (const agent of agents) {
    const slug = firstRepeated((agent.apps ?? []).map((app) => app.slug))
    if (slug !== null)
      return `Two apps of agent ${JSON.stringify(agent.name)} have the slug ${JSON.stringify(slug)}.`
    const app = (agent.apps ?? []).find((one) => findAppUrlError(one) !== null)
    if (app !== undefined)
      return `App ${JSON.stringify(app.slug)} of agent ${JSON.stringify(agent.name)}: ${findAppUrlError(app)}`
    const key = firstRepeated((agent.metadata ?? []).map((item) => item.key))
    if (key !== null)
      return `Agent ${JSON.stringify(agent.name)} has the metadata key ${JSON.stringify(key)} twice.`
  }
  return null
}

export function firstRepeated(names: readonly string[]): string | null {
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) return name
    seen.add(name)
  }
  return null
}
