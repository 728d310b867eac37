// A restart in one call: the start that follows a stop is created once, after the stop succeeded.
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

test("a stop that succeeds is followed by its start, once", async () => {
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

test("the tick creates the start that a lost completion left over", async () => {
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

test("a token that may only stop gets 403 for a stop that leads to a start", async () => {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user))
  const key = await api("/api/v2/users/me/keys/tokens", {
    token: user.token,
    body: { scopes: ["workspace:read", "workspace:stop", "template:read"] },
  })
  const build = (body: object) =>
    api(`/api/v2/workspaces/${workspace.id}/builds`, {
      token: key.body.key,
      body: { transition: "stop", ...body },
    })
  const refused = await build({ on_success: { transition: "start" } })
  expect([refused.status, refused.body.message]).toEqual([
    403,
    "You do not have permission to start this workspace.",
  ])
  expect((await build({})).status).toBe(201)
})

test.each([
  ["was suspended", "update users set status = 'suspended' where id = $1"],
  ["left the organization", "delete from organization_members where user_id = $1"],
])("no start follows if the person who requested it %s in between", async (_, statement) => {
  const { user, stop, builds } = await givenRestart()
  await query(statement, [user.id])
  await query("update provisioner_jobs set completed_at = $2 where id = $1", [stop.job.id, epoch])
  await tick(afterEpoch(60_000))
  expect((await builds()).map(({ transition }) => transition)).toEqual(["start", "stop"])
  const [left] = await query("select on_success from workspace_builds where id = $1", [stop.id])
  expect(left).toEqual({ on_success: null })
})
