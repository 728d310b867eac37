// When a job is given up, against the rows of `job_reaper` and `jobReaper` that speak of one job's age.
import { describe, expect, test } from "vitest"
import { reapError, reapLog, reapType } from "../../../src/queue/jobs/reaper-rule.ts"
import { jobStatus } from "../../../src/queue/status.ts"
import { lifecycle, prebuilds } from "../../cases/read.ts"

const at = (isSet: boolean | undefined, instant: Date) => (isSet ? instant : null)

describe("job_reaper", () => {
  const rows = lifecycle.groups.job_reaper.filter((row) => "tick" in row.input)

  test.each(rows)("$id $name", ({ input, expected }) => {
    const tickAt = new Date(input.tick!)
    const updatedAt = new Date(input.updated_at!)
    const job = {
      startedAt: at(input.started, updatedAt),
      canceledAt: at(input.canceled, updatedAt),
      completedAt: at(input.completed, updatedAt),
      error: null,
      updatedAt,
    }
    const type = reapType(job, tickAt)
    expect(type !== null).toBe(expected.reaped)
    if (!type) return
    expect(type).toBe(expected.reap_type)
    expect(reapError(type)).toBe(expected.error)
    expect(jobStatus(job)).toBe(expected.job_status_before)
    expect(jobStatus({ ...job, completedAt: tickAt, error: reapError(type) })).toBe(
      expected.job_status_after,
    )
  })

  test("the log ends with five lines", () => {
    expect(reapLog("hung")).toHaveLength(5)
    expect(reapLog("pending")[2]).toBe(
      "Coder: Build has been detected as pending for 30 minutes and will be terminated.",
    )
  })
})

describe("jobReaper", () => {
  test.each(prebuilds.groups.jobReaper)("$name", (row) => {
    const tickAt = new Date("2024-01-01T12:00:00Z")
    const updatedAt = new Date(tickAt.getTime() - row.updatedMinutesAgo * 60_000)
    const job = {
      startedAt: at(row.started, updatedAt),
      canceledAt: at(row.canceled, updatedAt),
      completedAt: at(row.completed, updatedAt),
      error: null,
      updatedAt,
    }
    expect(reapType(job, tickAt)).toBe(row.type)
  })
})
