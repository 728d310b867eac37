// `resource.coder_agent` and what belongs to it, as the agents of a version or of a build.
import type { ReportedAgent } from "../../../../../templates/manifest/reported.ts"
import { anyText, block, blocks, flag, number, text, textMap } from "./attributes.ts"
import { appRow, mergeEnv, ownScripts, scriptRow } from "./agent-parts.ts"
import type { Instance, Values } from "./show-json.ts"
import { TemplateError } from "./template-error.ts"

/** What belongs to one agent, each list in the order of its addresses. */
export type AgentParts = {
  apps: Instance[]
  scripts: Instance[]
  envs: Instance[]
  instances: Instance[]
}

const displayApps = [
  "vscode",
  "vscode_insiders",
  "web_terminal",
  "port_forwarding_helper",
  "ssh_helper",
] as const

export const authenticatesByToken = ({ values }: Instance) =>
  (text(values, "auth") ?? "token") === "token"

/** The row of an agent; `machine` is the resource that it runs on. */
export function agentRow(agent: Instance, parts: AgentParts, machine: Instance): ReportedAgent {
  const values = agent.values ?? {}
  const shown = block(values, "display_apps")
  const env = mergeEnv(parts.envs, textMap(values, "env"), agent.address)
  const scripts = [...ownScripts(values), ...parts.scripts.map(scriptRow)]
  const metadata = blocks(values, "metadata").map(metadataRow)
  const scope = text(values, "api_key_scope")
  return {
    name: agent.name,
    os: text(values, "os"),
    arch: text(values, "arch"),
    directory: text(values, "dir"),
    env: Object.keys(env).length === 0 ? undefined : env,
    ...identityOf(agent, parts.instances, machine),
    api_key_scope: scope === "no_user_data" || scope === "all" ? scope : undefined,
    connection_timeout_seconds: number(values, "connection_timeout"),
    troubleshooting_url: text(values, "troubleshooting_url"),
    motd_file: text(values, "motd_file"),
    // Absent while planning when the template says nothing: then the product's default counts.
    display_apps: shown === undefined ? undefined : displayApps.filter((app) => flag(shown, app)),
    order: number(values, "order"),
    apps: parts.apps.length === 0 ? undefined : parts.apps.map(appRow),
    scripts: scripts.length === 0 ? undefined : scripts,
    metadata: metadata.length === 0 ? undefined : metadata,
  }
}

const metadataRow = (item: Values) => ({
  key: anyText(item, "key"),
  display_name: text(item, "display_name"),
  // Not known while planning where it reads another resource.
  script: anyText(item, "script"),
  interval_seconds: number(item, "interval"),
  // Unset numbers of a nested block read as 0 after an apply.
  timeout_seconds: number(item, "timeout") || undefined,
  order: number(item, "order") || undefined,
})

/** The attribute that names a machine to its cloud. */
const instanceIdAttribute: Readonly<Record<string, string>> = {
  google_compute_instance: "instance_id",
  aws_instance: "id",
  aws_spot_instance_request: "spot_instance_id",
  azurerm_linux_virtual_machine: "virtual_machine_id",
  azurerm_windows_virtual_machine: "virtual_machine_id",
}

/**
 * The token, or for an agent that authenticates by its machine's identity, the id of the machine.
 */
function identityOf(
  agent: Instance,
  named: readonly Instance[],
  machine: Instance,
): Pick<ReportedAgent, "token" | "instance_id"> {
  if (authenticatesByToken(agent)) return { token: text(agent.values, "token") }
  const attribute = instanceIdAttribute[machine.type]
  const ofMachine = attribute === undefined ? undefined : text(machine.values, attribute)
  const ids = named.map(({ values }) => text(values, "instance_id"))
  return { instance_id: ids.find((id) => id !== undefined) ?? ofMachine }
}

const agentName = /^[a-z0-9](-?[a-z0-9])*$/i
const agentNameLengthMax = 64

/**
 * Throws where agents cannot be told apart by their names, or have names that no host name allows.
 */
export function checkAgentNames(agents: readonly Instance[]): void {
  const seen = new Map<string, Instance>()
  for (const agent of agents) {
    const { name, address } = agent
    const quoted = JSON.stringify(name)
    if (!agentName.test(name) || name.length > agentNameLengthMax) {
      const advice = name.includes("_")
        ? "Use - instead of _."
        : "Use letters, digits and single dashes."
      throw new TemplateError(`${address}: an agent cannot be named ${quoted}. ${advice}`)
    }
    const other = seen.get(name.toLowerCase())
    seen.set(name.toLowerCase(), agent)
    if (other === undefined) continue
    throw new TemplateError(
      agent.index !== undefined && other.name === name
        ? `${address}: count or for_each makes more than one agent of the name ${quoted}. ` +
            "Agents are named after their resource: write one resource for each agent."
        : `${other.address} and ${address} are agents of the same name. Rename one of the resources.`,
    )
  }
}
