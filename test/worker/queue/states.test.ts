// The states that every rule of the queue reads: a daemon's freshness and a job's status.
import { describe, expect, test } from "vitest"
import { aliveSince } from "../../../src/queue/matching.ts"
import { lifecycle, prebuilds } from "../../cases/read.ts"
import { givenOrganization, givenUser } from "../given-people.ts"
import { givenVersion } from "../given-templates.ts"
import { afterEpoch, epoch, query } from "../harness.ts"

describe("provisioner_freshness", () => {
  test.each(lifecycle.groups.provisioner_freshness)("$id $name", ({ input, expected }) => {
    const secondsAgo = input.tick_minus_last_seen_seconds
    const seen = secondsAgo === null ? null : afterEpoch(-secondsAgo * 1_000)
    expect(seen !== null && seen >= aliveSince(epoch)).toBe(expected.fresh)
  })

  test("a daemon is stale a millisecond after 90 seconds", () => {
    expect(afterEpoch(-90_001) >= aliveSince(epoch)).toBe(false)
  })
})

type Progress = { started: boolean; canceled: boolean; completed: boolean; error: string | null }

async function statusOf({ started, canceled, completed, error }: Progress): Promise<string> {
  const owner = await givenUser({ organization: await givenOrganization() })
  const version = await givenVersion(owner, {
    job: {
      started_at: started ? epoch : null,
      canceled_at: canceled ? epoch : null,
      completed_at: completed ? epoch : null,
      error,
    },
  })
  const [row] = await query("select job_status from provisioner_jobs where id = $1", [
    version.jobId,
  ])
  return row.job_status
}

describe("job_status", () => {
  test.each(lifecycle.groups.job_status)("$id $name", async ({ input, expected }) => {
    expect(await statusOf(input)).toBe(expected.job_status)
  })
})

describe("provisionerJobStatus", () => {
  test.each(prebuilds.groups.provisionerJobStatus)("a job is $status", async (row) => {
    const { startedAt, canceledAt, completedAt, error } = row
    const progress = { started: startedAt, canceled: canceledAt, completed: completedAt, error }
    expect(await statusOf(progress)).toBe(row.status)
  })
})
