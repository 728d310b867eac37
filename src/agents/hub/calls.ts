// What the Worker asks of a workspace's hub: the object itself, a handshake passed on to it, the ports that its agents told it.
import { DatabaseUnavailable } from "../../platform/db/errors.ts"
import { ApiError } from "../../platform/http/errors.ts"
import type { ListeningPort } from "../forward/listening-ports.ts"

/** The object that holds the sockets of a workspace's agents. */
export function hubOf(env: Env, workspaceId: string) {
  return env.AGENT_HUB.getByName(workspaceId)
}

/** The digest of an agent's token, in hexadecimal, with a handshake that its hub is to prove. */
export const hashHeader = "Dormouse-Agent-Token-Hash"

/** Passes a handshake on to the hub. Throws the 503 where it cannot be taken. */
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
  // The object is gone for a moment, or holds as many sockets as it may.
  if (answer === null || answer.status === 429)
    throw new ApiError(
      503,
      "Too many agents wait. Please try again in a moment.",
      {},
      { "Retry-After": "5" },
    )
  return answer
}

/** What the agent says that its workspace listens on. Throws the 503 of a hub that is gone for a moment. */
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
