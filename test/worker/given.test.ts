// The factories create what authentication, triggers and constraints accept.
import { expect, test } from "vitest"
import { givenProvisioner, givenUser } from "./given-people.ts"
import { givenPreset, givenTemplate } from "./given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "./given-workspaces.ts"
import { epoch, query } from "./harness.ts"
import { sha256 } from "./rows.ts"

test("a given user's token authenticates", async () => {
  const user = await givenUser({ roles: ["owner"] })
  const [id = "", secret = ""] = user.token.split("-")
  const [row] = await query("select authenticate_user($1, $2, $3, '') as actor", [
    id,
    `\\x${Buffer.from(await sha256(secret)).toString("hex")}`,
    epoch,
  ])
  expect(row.actor.id).toBe(user.id)
  expect(row.actor.roles).toContain("owner")
})

test("a given workspace runs, and its agent's token authenticates", async () => {
  const user = await givenUser()
  const template = await givenTemplate(user, { parameters: [{ name: "region", type: "string" }] })
  await givenPreset(template.version.id, { parameters: { region: "eu" } })
  const workspace = await givenWorkspace(user, template)
  const agent = await givenAgent(workspace, workspace.build)
  const [row] = await query(
    "select latest_transition, latest_job_status, owner_name from workspaces where id = $1",
    [workspace.id],
  )
  expect(row).toEqual({
    latest_transition: "start",
    latest_job_status: "succeeded",
    owner_name: user.username,
  })
  const [found] = await query("select authenticate_agent($1) as actor", [
    `\\x${Buffer.from(await sha256(agent.token)).toString("hex")}`,
  ])
  expect(found.actor.workspace_id).toBe(workspace.id)
})

test("a further build takes the next number", async () => {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user))
  const stop = await givenBuild(workspace, { transition: "stop", status: "running" })
  expect(stop.number).toBe(2)
  const [row] = await query("select latest_job_status from workspaces where id = $1", [
    workspace.id,
  ])
  expect(row.latest_job_status).toBe("running")
})

test("a given provisioner's key authenticates", async () => {
  const provisioner = await givenProvisioner()
  const [row] = await query("select authenticate_provisioner($1) as actor", [
    `\\x${Buffer.from(await sha256(provisioner.key)).toString("hex")}`,
  ])
  expect(row.actor.organization_id).toBe(provisioner.organizationId)
})
