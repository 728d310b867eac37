// What happens to an agent that waits for a claim, row by row.
import { expect, test } from "vitest"
import { isClaimed, decideReinit, type ReinitFacts } from "../../../src/agents/reinit/rule.ts"

const claimed: ReinitFacts = {
  agent_id: "a",
  workspace_id: "w",
  owner_id: "o",
  may_hold: true,
  is_prebuild: false,
  began_in_pool: true,
  is_latest_of_pool: false,
  is_latest_claim: true,
  latest_status: "succeeded",
  latest_error: null,
}

const rows: [string, Partial<ReinitFacts>, string][] = [
  ["the claim's build succeeded", {}, "notify"],
  ["the claim's build is pending", { latest_status: "pending" }, "hold"],
  ["the claim's build is running", { latest_status: "running" }, "hold"],
  ["the claim's build is being canceled", { latest_status: "canceling" }, "hold"],
  [
    "the claim's build failed",
    { latest_status: "failed", latest_error: "no capacity" },
    "no capacity",
  ],
  [
    "the claim's build was canceled",
    { latest_status: "canceled" },
    "The build of the claim was canceled.",
  ],
  [
    "the first build was a person's",
    { began_in_pool: false, is_latest_claim: false },
    "The workspace was never a prebuild.",
  ],
  [
    "the owner changed and the claim's build does not exist yet",
    { is_latest_claim: false, is_latest_of_pool: true },
    "hold",
  ],
  [
    "a person built it again",
    { is_latest_claim: false },
    "The workspace has been built again since it was claimed.",
  ],
  [
    "it is still a prebuild",
    { is_prebuild: true, is_latest_claim: false, is_latest_of_pool: true },
    "hold",
  ],
]

test.each(rows)("%s", (_name, change, expected) => {
  const facts = { ...claimed, ...change }
  const outcome = decideReinit(facts, true)
  expect(outcome.kind === "refuse" ? outcome.why : outcome.kind).toBe(expected)
  expect(decideReinit(facts, false)).toEqual({ kind: "hold" })
  expect(isClaimed(facts)).toBe(expected === "notify")
})
