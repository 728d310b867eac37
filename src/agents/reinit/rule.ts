// What an agent that waits for its prebuild to be claimed is told (prebuilds-provisioning-agents.md A8).
import type { JobStatus } from "../../queue/status.ts"

/** Who holds the token, and where the workspace stands. */
export type ReinitFacts = {
  agent_id: string
  workspace_id: string
  owner_id: string
  /** The token authenticates, or is the pool's and the claim's build has not ended. */
  may_hold: boolean
  is_prebuild: boolean
  /** The prebuilds user asked for the first build. */
  began_in_pool: boolean
  /** The prebuilds user asked for the latest build. */
  is_latest_of_pool: boolean
  is_latest_claim: boolean
  latest_status: JobStatus
  latest_error: string | null
}

/** `refuse` is final: the agent never asks again. `tell`: the claim has happened already. */
export type ReinitVerdict = { kind: "hold" } | { kind: "tell" } | { kind: "refuse"; why: string }

/** An agent that does not say that it waits, and one of a prebuild, hold the stream whatever has been. */
export function judgeReinit(facts: ReinitFacts, isWaiting: boolean): ReinitVerdict {
  if (!isWaiting || facts.is_prebuild) return { kind: "hold" }
  if (!facts.began_in_pool) return { kind: "refuse", why: "The workspace was never a prebuild." }
  if (facts.is_latest_claim) return judgeClaim(facts)
  if (facts.is_latest_of_pool) return { kind: "hold" }
  return { kind: "refuse", why: "The workspace has been built again since it was claimed." }
}

function judgeClaim(facts: ReinitFacts): ReinitVerdict {
  switch (facts.latest_status) {
    case "succeeded":
      return { kind: "tell" }
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

/** True once the claim's build has ended well: what waited for it is told. */
export function isClaimed(facts: ReinitFacts): boolean {
  return !facts.is_prebuild && facts.is_latest_claim && facts.latest_status === "succeeded"
}
