// The resources of a plan or of a state, with their agents, apps, scripts and metadata.
import type { ReportedResource } from "../../../../../templates/manifest/reported.ts"
import { agentRow, type AgentParts, checkAgentNames } from "./agents.ts"
import { anyText, blocks, flag, number, text } from "./attributes.ts"
import { agentOf, isShown, machineOf, resourceOf, type World } from "./relations.ts"
import type { Instance, Values } from "./show-json.ts"
import { TemplateError } from "./template-error.ts"

/** `warnings` name what is left out, a line each. */
export type ResourceRows = { resources: ReportedResource[]; warnings: string[] }

/** Rows in the order of their addresses. Only a workspace that runs has agents. */
export function resourceRows(world: World, isRunning: boolean): ResourceRows {
  const shown = world.managed.filter(isShown)
  const described = describe(world, shown)
  const { agents, warnings } = isRunning ? placeAgents(world, shown) : noAgents
  const resources = shown.map((instance) =>
    Object.assign(metadataColumns(described.get(instance)), {
      type: instance.type,
      name: instance.name,
      agents: agents.get(instance)?.map(({ agent, parts }) => agentRow(agent, parts, instance)),
    }),
  )
  return { resources, warnings }
}

type PlacedAgent = { agent: Instance; parts: AgentParts }
type Placement = { agents: Map<Instance, PlacedAgent[]>; warnings: string[] }

const noAgents: Placement = { agents: new Map(), warnings: [] }

const partLists: Readonly<Record<string, keyof AgentParts>> = {
  coder_app: "apps",
  coder_script: "scripts",
  coder_env: "envs",
  coder_agent_instance: "instances",
}

function placeAgents(world: World, shown: readonly Instance[]): Placement {
  const agents = world.managed.filter(({ type }) => type === "coder_agent")
  checkAgentNames(agents)
  const parts = new Map(
    agents.map((agent): [Instance, AgentParts] => [
      agent,
      { apps: [], scripts: [], envs: [], instances: [] },
    ]),
  )
  const placement: Placement = { agents: new Map(), warnings: [] }
  for (const part of world.managed) {
    const list = partLists[part.type]
    if (list === undefined) continue
    const owner = agentOf(world, part, agents)
    const ofOwner = owner && parts.get(owner)
    if (ofOwner === undefined) {
      placement.warnings.push(`${part.address} belongs to no agent and is left out.`)
    } else ofOwner[list].push(part)
  }
  for (const [agent, ofAgent] of parts) {
    const machine = machineOf(world, agent, shown)
    if (machine === undefined) {
      placement.warnings.push(
        `${agent.address} runs nowhere, because no resource depends on it: it is left out.`,
      )
      continue
    }
    const placed = placement.agents.get(machine) ?? []
    placement.agents.set(machine, [...placed, { agent, parts: ofAgent }])
  }
  return placement
}

/** The `coder_metadata` of each resource. Two that surely mean the same instance are an error. */
function describe(world: World, shown: readonly Instance[]): Map<Instance, Values> {
  const described = new Map<Instance, { values: Values; address: string; isExact: boolean }>()
  for (const metadata of world.managed.filter(({ type }) => type === "coder_metadata")) {
    const target = resourceOf(world, metadata, shown)
    if (target === undefined) continue
    const { resource, isExact } = target
    const other = described.get(resource)
    if (other?.isExact && isExact) {
      throw new TemplateError(
        `${other.address} and ${metadata.address} both describe ${resource.address}. ` +
          "Merge them into one coder_metadata.",
      )
    }
    if (other !== undefined && !isExact) continue
    described.set(resource, { values: metadata.values ?? {}, address: metadata.address, isExact })
  }
  return new Map([...described].map(([resource, { values }]) => [resource, values]))
}

function metadataColumns(values: Values | undefined) {
  const items = blocks(values, "item").map((item) => ({
    key: anyText(item, "key"),
    // After an apply an unset value reads as the empty text with a flag beside it.
    value: item["value"] === null || flag(item, "is_null") ? null : anyText(item, "value"),
    sensitive: flag(item, "sensitive") ?? false,
  }))
  return {
    icon: text(values, "icon"),
    hide: flag(values, "hide"),
    daily_cost: number(values, "daily_cost"),
    metadata: items.length === 0 ? undefined : items,
  }
}
