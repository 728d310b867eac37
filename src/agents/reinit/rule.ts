// What happens to an agent that waits for the claim of its prebuild.
import type { JobStatus } from "../../queue/view.ts"

/** The holder of the token and the state of its workspace. */
export type ReinitFacts = {
  agent_id: string
  workspace_id: string
  owner_id: string
  /** The token authenticates, or it is the pool's and the claim's build has not ended. */
  may_hold: boolean
  is_prebuild: boolean
  /** The prebuilds user requested the first build. */
  began_in_pool: boolean
  /** The prebuilds user requested the latest build. */
  is_latest_of_pool: boolean
  is_latest_claim: boolean
  latest_status: JobStatus
  latest_error: string | null
}

/** `refuse` is final: the agent never asks again. `notify`: the claim has already happened. */
type ReinitOutcome = { kind: "hold" } | { kind: "notify" } | { kind: "refuse"; why: string }

/** The agent of a prebuild holds the stream, and so does one that does not wait for a claim. */
export function decideReinit(facts: ReinitFacts, isWaiting: boolean): ReinitOutcome {
  if (!isWaiting || facts.is_prebuild) return { kind: "hold" }
  if (!facts.began_in_pool) return { kind: "refuse", why: "The workspace was never a prebuild." }
  if (facts.is_latest_claim) return decideClaim(facts)
  if (facts.is_latest_of_pool) return { kind: "hold" }
  return { kind: "refuse", why: "The workspace has been built again since it was claimed." }
}

function decideClaim(facts: ReinitFacts): ReinitOutcome {
  switch (facts.latest_status) {
    case "succeeded":
      return { kind: "notify" }
    case "failed":
    case "canceled":
      return { kind: "refuse", why: facts.latest_error || "The build of the claim was canceled." }
    case "pending":
    case "running":
    case "canceling":
      return { kind: "hold" }
    default:
      return facts.latest_status satisfies never
  }
}

/** The claim's build has succeeded, so the agents that wait for it are notified. */
export function isClaimed(facts: ReinitFacts): boolean {
  return !facts.is_prebuild && facts.is_latest_claim && facts.latest_status === "succeeded"
}
