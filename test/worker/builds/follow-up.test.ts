// A restart in one call: the start behind a stop is made once, when the stop has succeeded, and not otherwise.
import { beforeEach, expect, test } from "vitest"
import { givenOrganization, givenProvisioner, givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, query, tick } from "../harness.ts"
import { daemonCall } from "../queue/given-jobs.ts"

beforeEach(() => at(epoch))

async function givenRestart() {
  const organization = await givenOrganization()
  const user = await givenUser({ organization })
  const template = await givenTemplate(user, {
    parameters: [
      { name: "size", type: "string", mutable: true, required: false, default_value: "s" },
    ],
  })
  const workspace = await givenWorkspace(user, template)
  const provisioner = await givenProvisioner({ organization })
  const stop = await api(`/api/v2/workspaces/${workspace.id}/builds`, {
    token: user.token,
    body: {
      transition: "stop",
      on_success: { transition: "start", rich_parameter_values: [{ name: "size", value: "l" }] },
    },
  })
  expect(stop.status).toBe(201)
  await daemonCall(provisioner, "acquire")
  const builds = () =>
    query(
      "select transition, initiator_id = $2 as is_own from workspace_builds where workspace_id = $1 order by build_number",
      [workspace.id, user.id],
    )
  return { user, workspace, provisioner, stop: stop.body, builds }
}

test("a stop that succeeds is followed by its start, once, whoever looks", async () => {
  const { provisioner, stop, builds, workspace } = await givenRestart()
  await daemonCall(provisioner, `jobs/${stop.job.id}/complete`, { type: "workspace_build" })
  await expect
    .poll(async () => (await builds()).map(({ transition }) => transition))
    .toEqual(["start", "stop", "start"])
  await tick(afterEpoch(60_000))
  expect(await builds()).toHaveLength(3)
  const values = await query(
    "select p.value from workspace_build_parameters p join workspaces w on w.latest_build_id = p.workspace_build_id where w.id = $1",
    [workspace.id],
  )
  expect(values).toEqual([{ value: "l" }])
})

test("the tick makes what a lost completion left", async () => {
  const { stop, builds } = await givenRestart()
  await query("update provisioner_jobs set completed_at = $2 where id = $1", [stop.job.id, epoch])
  await tick(afterEpoch(60_000))
  expect((await builds()).at(-1)).toEqual({ transition: "start", is_own: true })
})

test("a stop that fails is followed by nothing; a person who was faster wins", async () => {
  const failed = await givenRestart()
  await daemonCall(failed.provisioner, `jobs/${failed.stop.job.id}/fail`, { error: "no" })
  const faster = await givenRestart()
  await query("update provisioner_jobs set completed_at = $2 where id = $1", [
    faster.stop.job.id,
    epoch,
  ])
  await givenBuild({ ...faster.workspace }, { transition: "stop" })
  await tick(afterEpoch(60_000))
  expect((await failed.builds()).filter(({ transition }) => transition === "start")).toHaveLength(1)
  expect((await faster.builds()).map(({ transition }) => transition)).toEqual([
    "start",
    "stop",
    "stop",
  ])
})
