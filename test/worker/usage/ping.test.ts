// The usage ping end to end: permission, what each body means, permits, and the flush to
// `last_used_at` and the deadline.
import { runDurableObjectAlarm } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { flushUsage } from "../../../src/usage/tracker/flush-shards.ts"
import { trackerOf } from "../../../src/usage/tracker/shards.ts"
import { lifecycle as cases } from "../../cases/read.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, query } from "../harness.ts"

async function given(options: { deadlineMs?: number } = {}) {
  const user = await givenUser()
  const template = await givenTemplate(user)
  const workspace = await givenWorkspace(user, template, {
    build: { columns: { deadline: afterEpoch(options.deadlineMs ?? 10 * 60_000) } },
  })
  const agent = await givenAgent(workspace, workspace.build)
  const neighbour = await givenWorkspace(user, template)
  return { user, template, workspace, agent, neighbour }
}

const ping = (workspaceId: string, token: string, body?: unknown) =>
  api(`/api/v2/workspaces/${workspaceId}/usage`, { method: "POST", token, body })

async function lastUsed(id: string): Promise<Date> {
  const [row] = await query("select last_used_at from workspaces where id = $1", [id])
  return new Date(row.last_used_at)
}
async function deadline(buildId: string): Promise<Date> {
  const [row] = await query("select deadline from workspace_builds where id = $1", [buildId])
  return new Date(row.deadline)
}

test("a ping is kept and its instant reaches last_used_at by the flush", async () => {
  const { user, workspace, neighbour } = await given()
  const seenAt = afterEpoch(60_000)
  at(seenAt)
  expect((await ping(workspace.id, user.token)).status).toBe(204)
  expect(await lastUsed(workspace.id)).toEqual(epoch)
  expect((await flushUsage(env)).shards).toEqual([])
  expect(await lastUsed(workspace.id)).toEqual(seenAt)
  expect(await lastUsed(neighbour.id)).toEqual(epoch)
})

test("the alarm flushes by itself", async () => {
  const { user, workspace } = await given()
  at(afterEpoch(61_000))
  await ping(workspace.id, user.token)
  expect(await runDurableObjectAlarm(trackerOf(env, workspace.id))).toBe(true)
  expect(await lastUsed(workspace.id)).toEqual(afterEpoch(61_000))
})

test("an older mark never overwrites a newer one", async () => {
  const { user, workspace } = await given()
  at(afterEpoch(90_000))
  await ping(workspace.id, user.token)
  await query("update workspaces set last_used_at = $1 where id = $2", [
    afterEpoch(120_000),
    workspace.id,
  ])
  await flushUsage(env)
  expect(await lastUsed(workspace.id)).toEqual(afterEpoch(120_000))
})

describe("api_usage", () => {
  const rows = cases.groups.api_usage.filter((row) => "body" in row.input)
  test.each(rows)("$name", async (row) => {
    const { user, workspace, agent } = await given()
    const body = Object.fromEntries(
      Object.entries(row.input.body as Record<string, string>).map(([name, value]) => {
        if (value === "A") return [name, agent.id]
        return [name, value === "missing" ? crypto.randomUUID() : value]
      }),
    )
    const seenAt = afterEpoch(30_000)
    at(seenAt)
    const expected = row.expected as {
      status: number
      message?: string
      validations?: unknown
      bump?: boolean
    }
    const answer = await ping(workspace.id, user.token, body)
    expect(answer.status).toBe(expected.status)
    if (expected.message)
      expect(answer.body).toEqual({ message: expected.message, validations: expected.validations })
    await flushUsage(env)
    expect(await lastUsed(workspace.id)).toEqual(seenAt)
    expect((await deadline(workspace.build.id)).getTime()).toBe(
      expected.bump ? seenAt.getTime() + 3_600_000 : afterEpoch(600_000).getTime(),
    )
  })

  const readers = cases.groups.api_usage.filter((row) => "requester" in row.input)
  test.each(readers)("$name", async ({ expected }) => {
    const { workspace } = await given()
    const reader = await givenUser({ roles: ["template-admin"] })
    expect((await ping(workspace.id, reader.token)).status).toBe(expected.status)
  })

  test.each([
    ["no body", undefined],
    ["an empty body", ""],
    ["null", "null"],
    ["{}", {}],
    ["a nil agent and no name", { agent_id: "00000000-0000-0000-0000-000000000000", app_name: "" }],
  ])("%s is a ping that marks alone", async (_, body) => {
    const { user, workspace } = await given()
    expect((await ping(workspace.id, user.token, body)).status).toBe(204)
  })

  test("an agent of another workspace is not found, and the ping still marks", async () => {
    const { user, workspace } = await given()
    const other = await given()
    at(afterEpoch(40_000))
    const body = { agent_id: other.agent.id, app_name: "ssh" }
    expect((await ping(workspace.id, user.token, body)).status).toBe(404)
    expect((await ping(workspace.id, user.token, body)).status).toBe(404)
    await flushUsage(env)
    expect(await lastUsed(workspace.id)).toEqual(afterEpoch(40_000))
  })

  test("another's workspace, an unknown one and a deleted one have the same 404", async () => {
    const { workspace } = await given()
    const stranger = await givenUser()
    const answers = [
      await ping(workspace.id, stranger.token),
      await ping(crypto.randomUUID(), stranger.token),
    ]
    const own = await givenWorkspace(stranger, await givenTemplate(stranger))
    await query("update workspaces set deleted = true where id = $1", [own.id])
    answers.push(await ping(own.id, stranger.token))
    expect(answers.map((answer) => answer.status)).toEqual([404, 404, 404])
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1)
  })

  test("401 without a credential and with a wrong one", async () => {
    const { user, workspace } = await given()
    expect((await api(`/api/v2/workspaces/${workspace.id}/usage`, { method: "POST" })).status).toBe(
      401,
    )
    expect((await ping(workspace.id, `${user.token.slice(0, 11)}${"x".repeat(22)}`)).status).toBe(
      401,
    )
  })
})

describe("permits", () => {
  test("a ping on a cached permit reads nothing", async () => {
    const { user, workspace } = await given()
    at(epoch)
    await ping(workspace.id, user.token)
    for (let minute = 1; minute <= 5; minute++) {
      at(afterEpoch(minute * 60_000 - 5_000))
      await flushUsage(env)
      at(afterEpoch(minute * 60_000))
      expect(await remembered(user.token, workspace.id, minute * 60_000)).toBe("kept")
    }
  })

  test("it is forgotten after 60 seconds without a flush", async () => {
    const { user, workspace } = await given()
    at(afterEpoch(600_000))
    await ping(workspace.id, user.token)
    expect(await remembered(user.token, workspace.id, 660_000)).toBe("kept")
    expect(await remembered(user.token, workspace.id, 660_001)).toBe("unknown")
  })

  test.each([
    ["the key is deleted", "delete from api_keys where user_id = $1"],
    ["the user is suspended", "update users set status = 'suspended' where id = $1"],
    [
      "the workspace is another's",
      "update workspaces set owner_id = prebuilds_user_id(), check_at = null where owner_id = $1",
    ],
    ["the workspace is deleted", "update workspaces set deleted = true where owner_id = $1"],
  ])("the flush does not renew it when %s", async (_, change) => {
    const { user, workspace } = await given()
    at(epoch)
    await ping(workspace.id, user.token)
    await query(change, [user.id])
    at(afterEpoch(10_000))
    await flushUsage(env)
    expect(await remembered(user.token, workspace.id, 11_000)).toBe("unknown")
  })

  async function remembered(token: string, workspaceId: string, ms: number) {
    const [keyId = "", secret = ""] = token.split("-")
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret))
    const keyHash = [...new Uint8Array(digest)]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("")
    const seenAtMs = afterEpoch(ms).getTime()
    return trackerOf(env, workspaceId).ping({
      keyId,
      keyHash,
      workspaceId,
      seenAtMs,
      ip: "",
      agentId: null,
      app: null,
    })
  }
})
