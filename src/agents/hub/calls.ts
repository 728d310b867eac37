// The Worker's calls to a workspace's hub.
import { DatabaseUnavailable } from "../../platform/db/errors.ts"
import { ApiError } from "../../platform/http/errors.ts"
import type { ListeningPort } from "../forward/listening-ports.ts"

/** The object that holds the sockets of a workspace's agents. */
export function hubOf(env: Env, workspaceId: string) {
  return env.AGENT_HUB.getByName(workspaceId)
}

/** The header of a handshake that carries the hexadecimal digest of the agent's token. */
export const hashHeader = "Dormouse-Agent-Token-Hash"

/** Passes a handshake on to the hub. Throws a 503 if the hub cannot take it. */
export async function joinHub(
  env: Env,
  workspaceId: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const answer = await hubOf(env, workspaceId)
    .fetch(`https://hub/${path}`, { headers: { ...headers, Upgrade: "websocket" } })
    .catch(() => null)
  if (answer?.status === 503) throw new DatabaseUnavailable("agents.link", undefined)
  // The object did not answer, or it holds as many sockets as it may.
  if (answer === null || answer.status === 429) {
    const message = "Too many agents wait. Please try again in a moment."
    throw new ApiError(503, message, {}, { "Retry-After": "5" })
  }
  return answer
}

/** Returns the ports that an agent has reported. Throws a 503 if the hub does not answer. */
export async function portsOf(
  env: Env,
  workspaceId: string,
  agentId: string,
): Promise<ListeningPort[]> {
  try {
    return await hubOf(env, workspaceId).portsOf(agentId)
  } catch {
    throw new ApiError(503, "The agent's hub did not answer. Please try again in a moment.")
  }
}
