// What belongs to what: the machine of an agent, the agent of an app, the resource of metadata.
//
// Ids are unknown while planning, so relations come from the configuration and the dependency
// graph. After an apply they come from ids, and from the dependencies that the state lists.
import { baseAddress, instanceKeys } from "./addresses.ts"
import { text } from "./attributes.ts"
import { resourcesNamedBy } from "./configuration.ts"
import type { Reach } from "./reach.ts"
import type { ConfigModule, Instance } from "./show-json.ts"

export type World = {
  /** Managed resources, by address. */
  managed: readonly Instance[]
  reach: Reach
  configuration: ConfigModule
}

/** Resources that clients see. Of the provider's own types only external agents are resources. */
export const isShown = ({ type }: Instance) =>
  !type.startsWith("coder_") || type === "coder_external_agent"

/**
 * The resource that an agent runs on: the nearest that depends on it, then the first by address.
 */
export function machineOf(
  world: World,
  agent: Instance,
  shown: readonly Instance[],
): Instance | undefined {
  const agentBase = baseAddress(agent.address)
  const dependents = shown.filter(({ address }) => world.reach(baseAddress(address)).has(agentBase))
  // A disk attached to the machine reaches the machine: what reaches another candidate is further
  // away.
  const bases = new Set(dependents.map(({ address }) => baseAddress(address)))
  return dependents.find(({ address }) => {
    const base = baseAddress(address)
    const reached = world.reach(base)
    return ![...bases].some((other) => other !== base && reached.has(other))
  })
}

/** The agent of an app, a script, an env or an agent instance; undefined where it has none. */
export function agentOf(
  world: World,
  part: Instance,
  agents: readonly Instance[],
): Instance | undefined {
  const id = text(part.values, "agent_id")
  // A known id that no agent has is the one of a dev container's sub-agent.
  if (id !== undefined) return agents.find(({ values }) => text(values, "id") === id)
  const base = baseAddress(part.address)
  const named = resourcesNamedBy(world.configuration, base, "agent_id")
  if (named.some((address) => address.split(".").at(-2) === "coder_devcontainer")) return undefined
  for (const address of named) {
    const found = agents.find((agent) => baseAddress(agent.address) === address)
    if (found !== undefined) return found
  }
  const reached = world.reach(base)
  return agents.find(({ address }) => reached.has(baseAddress(address)))
}

/** `isExact`: no other instance of the resource could be meant as well. */
export type MetadataTarget = { resource: Instance; isExact: boolean }

/** The resource that a `coder_metadata` describes. */
export function resourceOf(
  world: World,
  metadata: Instance,
  shown: readonly Instance[],
): MetadataTarget | undefined {
  const base = baseAddress(metadata.address)
  const named = resourcesNamedBy(world.configuration, base, "resource_id")
  const ofNamed = shown.filter(({ address }) => named.includes(baseAddress(address)))
  const id = text(metadata.values, "resource_id")
  if (id !== undefined) {
    const hasId = ({ values }: Instance) => text(values, "id") === id
    const found = ofNamed.find(hasId) ?? shown.find(hasId)
    if (found !== undefined) return { resource: found, isExact: true }
  }
  const target = ofNamed[0] ?? nearestReached(world, base, shown)
  if (target === undefined) return undefined
  const targetBase = baseAddress(target.address)
  const instances = shown.filter(({ address }) => baseAddress(address) === targetBase)
  if (instances.length === 1) return { resource: target, isExact: true }
  const keys = instanceKeys(metadata.address)
  const twin = instances.find(({ address }) => instanceKeys(address) === keys)
  return { resource: twin ?? target, isExact: twin !== undefined }
}

function nearestReached(
  world: World,
  base: string,
  shown: readonly Instance[],
): Instance | undefined {
  const reached = world.reach(base)
  const candidates = shown.filter(({ address }) => reached.has(baseAddress(address)))
  return candidates.find(
    (candidate) =>
      !candidates.some((other) =>
        world.reach(baseAddress(other.address)).has(baseAddress(candidate.address)),
      ),
  )
}
