// A build's status for each job status and transition.
import { expect, test } from "vitest"
import { buildStatus } from "../../../src/builds/status.ts"

test.each([
  ["pending", "start", "pending"],
  ["running", "start", "starting"],
  ["running", "stop", "stopping"],
  ["running", "delete", "deleting"],
  ["succeeded", "start", "running"],
  ["succeeded", "stop", "stopped"],
  ["succeeded", "delete", "deleted"],
  ["canceling", "stop", "canceling"],
  ["canceled", "delete", "canceled"],
  ["failed", "start", "failed"],
] as const)("%s %s is %s", (job, transition, expected) => {
  expect(buildStatus(job, transition)).toBe(expected)
})
