// An agent's health, by its status and its lifecycle.
import { expect, test } from "vitest"
import { healthOf } from "../../../src/agents/views/view.ts"

test.each([
  ["disconnected", "off", "agent is not running"],
  ["connecting", "created", "agent has not yet connected"],
  ["timeout", "created", "agent is taking too long to connect"],
  ["disconnected", "ready", "agent has lost connection"],
  ["connected", "start_error", "agent startup script exited with an error"],
  ["connected", "off", "agent is shutting down"],
  ["connected", "start_timeout", undefined],
] as const)("an agent that is %s and %s: %s", (status, lifecycle_state, reason) => {
  const health = healthOf({ status, lifecycle_state })
  expect(health).toEqual(reason ? { healthy: false, reason } : { healthy: true })
})
