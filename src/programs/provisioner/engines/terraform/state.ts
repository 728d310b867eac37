// The state file of a workspace, as the tool writes it.
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { baseAddress } from "./rows/addresses.ts"
import { isRecord, textOf } from "./rows/attributes.ts"

export const stateName = "terraform.tfstate"
/** The tool writes this one where it could not write the state itself. */
const rescueName = "errored.tfstate"

/**
 * A larger state might not be delivered after an apply, and then nobody would know what was made.
 */
export const stateBytesBeforeMax = 4 * 1024 * 1024

export type AgentInState = { name: string; token: string; authenticatesByToken: boolean }

export type State = {
  bytes: Buffer
  serial: number
  resourceCount: number
  /** Addresses of the managed resources, without instance keys. */
  addresses: ReadonlySet<string>
  /** The ids of all instances, to find what was made and is not recorded. */
  ids: ReadonlySet<string>
  agents: AgentInState[]
}

/** Null where the bytes are not a state of the tool. */
export function parseState(bytes: Buffer): State | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(bytes.toString("utf8"))
  } catch {
    return null
  }
  if (!isRecord(parsed) || typeof parsed["version"] !== "number") return null
  const resources = recordsIn(parsed["resources"]).filter(({ mode }) => mode === "managed")
  const ids = new Set<string>()
  const agents: AgentInState[] = []
  for (const resource of resources) {
    for (const { attributes } of recordsIn(resource["instances"])) {
      if (!isRecord(attributes)) continue
      if (typeof attributes["id"] === "string") ids.add(attributes["id"])
      if (resource["type"] !== "coder_agent" || typeof attributes["token"] !== "string") continue
      agents.push({
        name: textOf(resource["name"]),
        token: attributes["token"],
        authenticatesByToken: (attributes["auth"] ?? "token") === "token",
      })
    }
  }
  const addresses = new Set(
    resources.map(({ module, type, name }) =>
      baseAddress(
        [textOf(module), textOf(type), textOf(name)].filter((part) => part !== "").join("."),
      ),
    ),
  )
  const serial = typeof parsed["serial"] === "number" ? parsed["serial"] : 0
  return { bytes, serial, resourceCount: resources.length, addresses, ids, agents }
}

const recordsIn = (value: unknown): Record<string, unknown>[] =>
  Array.isArray(value) ? value.filter(isRecord) : []

/** What the tool left behind, where it is sound and not older than what was known. */
export async function readState(directory: string, before: State | null): Promise<State | null> {
  let newest: State | null = null
  for (const name of [stateName, rescueName]) {
    const bytes = await readFile(join(directory, name)).catch(() => null)
    const state = bytes === null ? null : parseState(bytes)
    if (state === null || state.serial < (before?.serial ?? 0)) continue
    if (newest === null || state.serial > newest.serial) newest = state
  }
  return newest
}
