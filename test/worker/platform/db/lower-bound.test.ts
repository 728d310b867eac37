// The triggers of the lower bound: which changes mark a workspace dirty, and which must not.
import { prebuildsUserId } from "../../../../src/platform/db/prebuilds-user.ts"
import { describe, expect, test } from "vitest"
import { afterEpoch, epoch } from "../../epoch.ts"
import { givenUser } from "../../given-people.ts"
import { givenTemplate } from "../../given-templates.ts"
import { givenBuild, givenDormancy, givenWorkspace } from "../../given-workspaces.ts"
import { query } from "../../harness.ts"

const later = afterEpoch(3_600_000)

async function given(build?: Parameters<typeof givenWorkspace>[2]) {
  const user = await givenUser()
  const template = await givenTemplate(user)
  const workspace = await givenWorkspace(user, template, build ?? {})
  return { user, template, workspace }
}

const settle = (id: string) =>
  query("update workspaces set check_at = $1 where id = $2", [later.toISOString(), id])

async function checkAt(id: string): Promise<string> {
  const [row] = await query<{ check_at: string | null }>(
    `select case when check_at is null then 'null' when check_at = 'infinity' then 'active'
       when check_at = '-infinity' then 'dirty' else 'later' end as check_at
         from workspaces where id = $1`,
    [id],
  )
  return row?.check_at ?? "missing"
}

describe("marks a workspace dirty", () => {
  test.each([
    ["its schedule", "update workspaces set autostart_schedule = '0 9 * * 1-5' where id = $1"],
    ["its ttl", "update workspaces set ttl_ms = 60000 where id = $1"],
    ["dormancy", ([id = ""]: string[]) => givenDormancy(id, epoch)],
    [
      "its owner's status",
      `update users set status = 'suspended' where id = (select owner_id from workspaces
        where id = $1)`,
    ],
    [
      "its template's policy",
      `update templates set time_til_dormant_ms = 60000 where id = (select template_id
        from workspaces where id = $1)`,
    ],
    [
      "a deadline that came nearer",
      "update workspace_builds set deadline = created_at where workspace_id = $1",
    ],
  ])("%s", async (_, edit) => {
    const { workspace } = await given()
    const neighbour = await given()
    await settle(workspace.id)
    await settle(neighbour.workspace.id)
    await (typeof edit === "string" ? query(edit, [workspace.id]) : edit([workspace.id]))
    expect(await checkAt(workspace.id)).toBe("dirty")
    expect(await checkAt(neighbour.workspace.id)).toBe("later")
  })
})

describe("leaves the bound alone", () => {
  test.each([
    [
      "a heartbeat",
      "update workspaces set last_used_at = created_at + interval '1 hour' where id = $1",
    ],
    ["a favourite", "update workspaces set favorite = true where id = $1"],
    ["a rename", "update workspaces set name = 'other-' || left(id::text, 8) where id = $1"],
    [
      "a deadline that moved away",
      "update workspace_builds set deadline = deadline + interval '1 hour' where workspace_id = $1",
    ],
    [
      "a change of the template's name",
      `update templates set display_name = 'x' where id = (select template_id
        from workspaces where id = $1)`,
    ],
  ])("%s", async (_, edit) => {
    const { workspace } = await given({ build: { columns: { deadline: later } } })
    await settle(workspace.id)
    await query(edit, [workspace.id])
    expect(await checkAt(workspace.id)).toBe("later")
  })
})

describe("a build", () => {
  test("holds every rule while it is active, and its end marks the workspace", async () => {
    const { workspace } = await given()
    await settle(workspace.id)
    const build = await givenBuild(workspace, { transition: "stop", status: "running" })
    expect(await checkAt(workspace.id)).toBe("active")
    await query("update workspaces set ttl_ms = 60000 where id = $1", [workspace.id])
    expect(await checkAt(workspace.id)).toBe("active")
    await query("update provisioner_jobs set completed_at = $1 where id = $2", [
      epoch.toISOString(),
      build.jobId,
    ])
    expect(await checkAt(workspace.id)).toBe("dirty")
    const [row] = await query(
      `select latest_build_number, latest_transition, latest_job_status, owner_name
        from workspaces where id = $1`,
      [workspace.id],
    )
    expect(row).toMatchObject({
      latest_build_number: 2,
      latest_transition: "stop",
      latest_job_status: "succeeded",
    })
  })
})

test("a prebuild has no bound, whatever happens to it", async () => {
  const { template } = await given()
  const prebuild = await givenWorkspace({ id: prebuildsUserId }, template)
  expect(await checkAt(prebuild.id)).toBe("null")
  await query("update templates set time_til_dormant_ms = 1 where id = $1", [template.id])
  await givenBuild(prebuild, { transition: "stop" })
  expect(await checkAt(prebuild.id)).toBe("null")
})

test("a new name of an owner reaches the copy", async () => {
  const { user, workspace } = await given()
  await query("update users set username = $1 where id = $2", [`renamed-${user.username}`, user.id])
  const [row] = await query("select owner_name from workspaces where id = $1", [workspace.id])
  expect(row).toEqual({ owner_name: `renamed-${user.username}` })
})
