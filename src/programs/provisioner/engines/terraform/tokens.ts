// Which token the agents of a run get.
import type { Build } from "../engine.ts"
import type { AgentInState } from "./state.ts"

/**
 * The token for all agents of the run, or null for random ones. The provider knows one variable for
 * all agents, so only a template with a single agent gets a token.
 *
 * The machine of a claimed prebuild was booted with its token and nothing hands it another, so a
 * claim keeps the token of the state. A stop keeps it as well, so that nothing changes needlessly.
 */
export function tokenOfRun(
  { transition, stage, agent_tokens }: Pick<Build, "transition" | "stage" | "agent_tokens">,
  agents: readonly AgentInState[],
): string | null {
  const known = agents.length === 1 ? (agents[0]?.token ?? null) : null
  if (transition !== "start") return known
  const [minted, ...others] = Object.values(agent_tokens)
  if (minted === undefined || others.length > 0) return null
  return stage === "claim" ? (known ?? minted) : minted
}
