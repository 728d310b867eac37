// Which job a daemon takes next: one that its tags match, by rank and then by age.
//
// The tags are those of the case groups `provisionerTagMatching` and `provisioner_tag_match`.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { describe, expect, test } from "vitest"
import { lifecycle, prebuilds } from "../../cases/read.ts"
import { givenUser } from "../given-people.ts"
import { givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, query } from "../harness.ts"
import { daemonCall, givenQueue } from "./given-jobs.ts"

async function tagsMatch(jobTags: object, daemonTags: object): Promise<boolean> {
  const [row] = await query("select tags_match($1, $2) as matches", [
    JSON.stringify(jobTags),
    JSON.stringify(daemonTags),
  ])
  return row.matches
}

describe("tags_match", () => {
  test.each(prebuilds.groups.provisionerTagMatching)(
    "$daemonTags runs $jobTags: $canAcquire",
    async (row) => {
      const matches = await tagsMatch(row.jobTags, row.daemonTags)
      expect(row.sameOrganization && matches).toBe(row.canAcquire)
    },
  )
  test.each(lifecycle.groups.provisioner_tag_match)("$id $name", async ({ input, expected }) => {
    expect(await tagsMatch(input.job_tags, input.provisioner_tags)).toBe(expected.match)
  })
})

test("a daemon takes jobs in the order that queue_position shows", async () => {
  const {
    organization,
    owner,
    template,
    build: newest,
    provisioner,
  } = await givenQueue({
    build: { at: afterEpoch(9_000) },
  })
  // Older than the job of a person, and each older than the one that is taken before it.
  const pending = async (seconds: number, initiatorId: string, input: object) => {
    const workspace = await givenWorkspace(owner, template, { build: null })
    const build = await givenBuild(workspace, {
      status: "pending",
      at: afterEpoch(seconds * 1_000),
    })
    await query(
      "update provisioner_jobs set initiator_id = $2, input = input || $3 where id = $1",
      [build.jobId, initiatorId, JSON.stringify(input)],
    )
    return build.jobId
  }
  const created = await pending(1, prebuildsUserId, {})
  const deleted = await pending(2, prebuildsUserId, { prebuild_delete: true })
  const older = await pending(8, owner.id, {})
  const { token } = await givenUser({ roles: ["owner"] })
  const jobs = await api(
    `/api/v2/organizations/${organization.id}/provisionerjobs?status=pending`,
    {
      token,
    },
  )
  const positions = new Map<string, number>(
    jobs.body.map((job: { id: string; queue_position: number }) => [job.id, job.queue_position]),
  )
  const taken = []
  for (let position = 1; position <= 4; position++) {
    const { body } = await daemonCall(provisioner, "acquire")
    taken.push(body.job_id)
    expect([body.job_id, positions.get(body.job_id)]).toEqual([body.job_id, position])
  }
  expect(taken).toEqual([older, newest.jobId, deleted, created])
})
