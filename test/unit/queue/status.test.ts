// A job's status against the groups `job_status` and `provisionerJobStatus`.
import { describe, expect, test } from "vitest"
import { jobStatus } from "../../../src/queue/status.ts"
import { lifecycle, prebuilds } from "../../cases/read.ts"

const at = (isSet: boolean) => (isSet ? new Date("2024-01-01T12:00:00Z") : null)

describe("job_status", () => {
  test.each(lifecycle.groups.job_status)("$id $name", ({ input, expected }) => {
    const progress = {
      startedAt: at(input.started),
      canceledAt: at(input.canceled),
      completedAt: at(input.completed),
      error: input.error,
    }
    expect(jobStatus(progress)).toBe(expected.job_status)
  })
})

describe("provisionerJobStatus", () => {
  test.each(prebuilds.groups.provisionerJobStatus)("$status", (row) => {
    const progress = {
      startedAt: at(row.startedAt),
      canceledAt: at(row.canceledAt),
      completedAt: at(row.completedAt),
      error: row.error,
    }
    expect(jobStatus(progress)).toBe(row.status)
  })
})
