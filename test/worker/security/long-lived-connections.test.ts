// Every long-lived connection is reviewed within a minute: a right that has ended closes it.
//
// The first test lists the routes that open one, so that a new kind of connection needs an entry.
import { runDurableObjectAlarm } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import document from "../../../openapi.json" with { type: "json" }
import { feedName } from "../../../src/platform/durable/publish.ts"
import { givenProvisioner, givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate, givenVersion } from "../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { at, epoch, fetchWorker, query, tick } from "../harness.ts"
import { openSocket } from "../open-socket.ts"
import { boardOf, listen } from "../queue/listening.ts"

/** How each route's connection is proven to close. */
const proofs: Record<
  string,
  "watcher" | "forward" | "agent" | "claim" | "daemon" | "ends at once"
> = {
  "/workspaces/{workspace}/watch-ws": "watcher",
  "/workspaces/{workspace}/watch": "watcher",
  "/workspaceagents/{agent}/logs": "watcher",
  "/workspaceagents/{agent}/watch-metadata": "watcher",
  "/workspaceagents/{agent}/watch-metadata-ws": "watcher",
  "/workspaceagents/{agent}/containers/watch": "watcher",
  "/workspacebuilds/{build}/logs": "watcher",
  "/templateversions/{id}/logs": "watcher",
  "/notifications/inbox/watch": "watcher",
  // A dry run ends when it is made, and its log with it.
  "/templateversions/{id}/dry-run/{job}/logs": "ends at once",
  "/workspaceagents/{agent}/forward": "forward",
  "/workspaceagents/me/relay/{session}": "forward",
  "/workspaceagents/me/connect": "agent",
  // The stream reads its right itself, three times in 45 s of pings; `reinit.test.ts` has it.
  "/workspaceagents/me/reinit": "claim",
  "/provisionerdaemons/{daemon}/listen": "daemon",
}

test("every route that opens a long-lived connection has a proof", () => {
  const isLongLived = (answers: object) =>
    "101" in answers || JSON.stringify(answers).includes("text/event-stream")
  const routes = Object.entries(document.paths)
    .filter(([, path]) => "get" in path && isLongLived(path.get.responses))
    .map(([path]) => path.replace("/api/v2", ""))
  expect(routes.toSorted()).toEqual(Object.keys(proofs).toSorted())
})

/** A person with a workspace, an agent and a running build, and how each may lose their rights. */
async function given() {
  at(epoch)
  const user = await givenUser()
  const template = await givenTemplate(await givenUser({ roles: ["owner"] }))
  const workspace = await givenWorkspace(user, template)
  const agent = await givenAgent(workspace, workspace.build)
  return { user, template, workspace, agent }
}

const losses: [string, (user: GivenUser) => Promise<unknown>][] = [
  ["signs out", (user) => query("delete from api_keys where user_id = $1", [user.id])],
  [
    "is suspended",
    (user) => query("update users set status = 'suspended' where id = $1", [user.id]),
  ],
  [
    "is removed from the organization",
    (user) => query("delete from organization_members where user_id = $1", [user.id]),
  ],
]

describe("a watcher", () => {
  async function pathsOf({ user, workspace, agent }: Awaited<ReturnType<typeof given>>) {
    const running = await givenBuild(workspace, { transition: "stop", status: "running" })
    const version = await givenVersion(user, { status: "running" })
    return {
      [`/workspaces/${workspace.id}/watch-ws`]: workspace.id,
      [`/workspaceagents/${agent.id}/watch-metadata-ws`]: workspace.id,
      [`/workspaceagents/${agent.id}/containers/watch`]: workspace.id,
      [`/workspaceagents/${agent.id}/logs?follow`]: workspace.id,
      [`/workspacebuilds/${running.id}/logs?follow`]: running.jobId,
      [`/templateversions/${version.id}/logs?follow`]: version.jobId,
      [`/notifications/inbox/watch`]: user.id,
    }
  }

  test.each(losses)("is closed with 1008 when the person %s", async (name, lose) => {
    const place = await given()
    await query("update users set site_roles = '{}' where id = $1", [place.user.id])
    const topics = Object.entries(await pathsOf(place))
    const sockets = await Promise.all(
      topics.map(([path]) => openSocket(`/api/v2${path}`, place.user.token)),
    )
    expect(sockets.map(({ status }) => status)).toEqual(topics.map(() => 101))
    const stream = await fetchWorker(`/api/v2/workspaces/${place.workspace.id}/watch`, {
      token: place.user.token,
    })
    await lose(place.user)
    for (const shard of new Set(topics.map(([, id]) => feedName(id))))
      await runDurableObjectAlarm(env.WORKSPACE_FEED.getByName(shard))
    for (const [index, [path]] of topics.entries()) {
      // One's own inbox depends on no organization.
      if (path.includes("inbox") && name.includes("organization")) continue
      expect([path, (await sockets[index]!.closed())?.code]).toEqual([path, 1008])
    }
    await new Response(stream.body).text()
  })
})

describe("a port forward", () => {
  async function givenSession() {
    const place = await given()
    const { workspace, agent, user } = place
    const path = `/api/v2/workspaceagents/me/connect?workspace_id=${workspace.id}`
    const line = await openSocket<{ session: string }>(path, agent.token)
    const client = await openSocket(`/api/v2/workspaceagents/${agent.id}/forward`, user.token)
    const session = (await line.count(1))[0]!.session
    const side = await openSocket(`/api/v2/workspaceagents/me/relay/${session}`, agent.token)
    const relay = env.PORT_RELAY.getByName(session)
    return { ...place, client, side, relay }
  }

  test.each(losses)("is closed on both sides when the person %s", async (_, lose) => {
    const { user, client, side, relay } = await givenSession()
    await relay.review()
    expect(client.closes).toEqual([])
    await lose(user)
    await relay.review()
    expect([(await client.closed())?.code, (await side.closed())?.code]).toEqual([4401, 4401])
  })

  test("is closed when the workspace has stopped", async () => {
    const { workspace, client, relay } = await givenSession()
    await givenBuild(workspace, { transition: "stop" })
    await relay.review()
    expect((await client.closed())?.code).toBe(4401)
  })
})

test("the next tick closes an agent's socket when the hint of a build was lost", async () => {
  const { workspace, agent } = await given()
  const path = `/api/v2/workspaceagents/me/connect?workspace_id=${workspace.id}`
  const line = await openSocket(path, agent.token)
  await tick(epoch)
  expect(line.closes).toEqual([])
  await givenBuild(workspace)
  await tick(epoch)
  expect((await line.closed())?.code).toBe(4001)
})

test("a daemon's socket is closed by its board's repair when its key was revoked", async () => {
  const provisioner = await givenProvisioner()
  const line = await listen(provisioner)
  await query("delete from provisioner_keys where id = $1", [provisioner.keyId])
  await runDurableObjectAlarm(await boardOf({ id: provisioner.organizationId }))
  await expect.poll(() => line.closes).toEqual([4000])
})
