// GET /workspaces/{id}/lifecycle: the explanation agrees with what the tick then does, and is
// shown only to who may read.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { beforeAll, describe, expect, test } from "vitest"
import { type Explanation, explanationSchema } from "../../../src/lifecycle/explain/view.ts"
import { withFaults } from "../faults.ts"
import { givenProvisioner, givenUser } from "../given-people.ts"
import { givenTemplate, givenVersion } from "../given-templates.ts"
import { givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, query, tick } from "../harness.ts"

const hourMs = 3_600_000
const minuteMs = 60_000

async function explain(id: string, token: string, now: Date): Promise<Explanation> {
  at(now)
  const { status, body } = await api(`/api/v2/workspaces/${id}/lifecycle`, { token })
  expect(status).toBe(200)
  return explanationSchema.parse(body)
}

const ruleOf = (explanation: Explanation, name: string) =>
  explanation.rules.find(({ rule }) => rule === name)

const wire = (instant: Date) => instant.toISOString().replace(".000Z", "Z")
const seen = (now: Date) => query("update provisioner_daemons set last_seen_at = $1", [now])

beforeAll(async () => {
  await givenProvisioner()
})

describe("200", () => {
  test("a running workspace is stopped at its deadline, as explained", async () => {
    const user = await givenUser()
    const deadline = afterEpoch(2 * hourMs + 1)
    const workspace = await givenWorkspace(user, await givenTemplate(user), {
      build: { columns: { deadline } },
    })
    await seen(epoch)
    const before = await explain(workspace.id, user.token, epoch)
    const stopAt = afterEpoch(2 * hourMs + minuteMs)
    expect(before.next).toEqual({
      rule: "autostop",
      transition: "stop",
      reason: "autostop",
      at: wire(stopAt),
    })
    expect(ruleOf(before, "autostart")).toMatchObject({
      verdict: "does_not_apply",
      because: { code: "not_stopped" },
    })
    await tick(afterEpoch(2 * hourMs))
    expect((await explain(workspace.id, user.token, afterEpoch(2 * hourMs))).history.length).toBe(1)
    await seen(stopAt)
    await tick(stopAt)
    const after = await explain(workspace.id, user.token, stopAt)
    expect(after.history[0]).toMatchObject({
      transition: "stop",
      reason: "autostop",
      status: "pending",
    })
    expect(after.next).toBeNull()
  })

  test("explain computes an open next start as the tick will", async () => {
    const user = await givenUser()
    const workspace = await givenWorkspace(user, await givenTemplate(user), {
      columns: { autostart_schedule: "CRON_TZ=UTC 0 12 * * *" },
      build: { transition: "stop" },
    })
    await seen(epoch)
    const { next } = await explain(workspace.id, user.token, epoch)
    expect(next).toEqual({
      rule: "autostart",
      transition: "start",
      reason: "autostart",
      at: "2026-03-04T12:00:00Z",
    })
    await tick(afterEpoch(minuteMs))
    const [row] = await query("select next_start_at from workspaces where id = $1", [workspace.id])
    expect(row.next_start_at).toEqual(new Date("2026-03-04T12:00:00Z"))
  })

  test("a due rule that waits names its block", async () => {
    const user = await givenUser()
    const template = await givenTemplate(user, { columns: { require_active_version: true } })
    const dueAt = afterEpoch(24 * hourMs)
    const workspace = await givenWorkspace(user, template, {
      columns: { autostart_schedule: "CRON_TZ=UTC 0 9 * * *", next_start_at: dueAt },
      build: { transition: "stop" },
    })
    await seen(epoch)
    const noProvisioner = ruleOf(await explain(workspace.id, user.token, dueAt), "autostart")
    expect(noProvisioner).toMatchObject({ verdict: "waits", because: { code: "no_provisioner" } })
    await tick(dueAt)

    const next = await givenVersion(user, { parameters: [{ name: "region", required: true }] })
    await query("update template_versions set template_id = $1 where id = $2", [
      template.id,
      next.id,
    ])
    await query("update templates set active_version_id = $1 where id = $2", [next.id, template.id])
    const later = new Date(dueAt.getTime() + 10 * minuteMs)
    await seen(later)
    await tick(later)
    const parameter = ruleOf(await explain(workspace.id, user.token, later), "autostart")
    expect(parameter).toMatchObject({
      verdict: "waits",
      because: { code: "parameter" },
      template_version_id: next.id,
    })
    expect(
      (
        await query("select count(*)::int as n from workspace_builds where workspace_id = $1", [
          workspace.id,
        ])
      )[0].n,
    ).toBe(1)

    await givenBuild(workspace, { transition: "stop", status: "running" })
    const busy = ruleOf(await explain(workspace.id, user.token, later), "autostart")
    expect(busy?.because?.code).toBe("build_in_progress")
  })

  test("a rule that waits for use says so until a tick could write it", async () => {
    const user = await givenUser()
    const workspace = await givenWorkspace(user, await givenTemplate(user), {
      build: { columns: { deadline: epoch } },
    })
    await seen(epoch)
    const isFlush = (text: string) => text.includes("with beat as materialized")
    at(epoch)
    await api(`/api/v2/workspaces/${workspace.id}/usage`, { method: "POST", token: user.token })
    await withFaults(
      (text) => (isFlush(text) ? "request_lost" : null),
      () => tick(epoch),
    )
    const held = await explain(workspace.id, user.token, epoch)
    expect(ruleOf(held, "autostop")).toMatchObject({
      verdict: "waits",
      because: { code: "usage_not_flushed" },
    })
    expect(held.next).toBeNull()
    const later = afterEpoch(minuteMs)
    await seen(later)
    await tick(later)
    expect((await explain(workspace.id, user.token, later)).history[0]).toMatchObject({
      reason: "autostop",
    })
  })

  test("a rule that waits holds back later ones and is predicted for the next look", async () => {
    const user = await givenUser()
    const template = await givenTemplate(user, { columns: { time_til_dormant_ms: hourMs } })
    const workspace = await givenWorkspace(user, template, {
      build: { columns: { deadline: epoch } },
    })
    await seen(afterEpoch(-hourMs))
    const waiting = await explain(workspace.id, user.token, epoch)
    expect(ruleOf(waiting, "dormancy")?.verdict).toBe("scheduled")
    expect(waiting.next).toBeNull()
    await tick(epoch)
    const later = afterEpoch(minuteMs)
    await seen(later)
    const foretold = await explain(workspace.id, user.token, later)
    expect(ruleOf(foretold, "autostop")?.verdict).toBe("due")
    expect(foretold.next?.at).toBe(wire(afterEpoch(2 * minuteMs)))
    await tick(later)
    expect((await explain(workspace.id, user.token, later)).history.length).toBe(1)
    await seen(afterEpoch(2 * minuteMs))
    await tick(afterEpoch(2 * minuteMs))
    expect((await explain(workspace.id, user.token, afterEpoch(2 * minuteMs))).history.length).toBe(
      2,
    )
  })

  test("prebuilds take no part, and say so", async () => {
    const owner = await givenUser({ roles: ["owner"] })
    const prebuild = await givenWorkspace({ id: prebuildsUserId }, await givenTemplate(owner))
    const explanation = await explain(prebuild.id, owner.token, epoch)
    expect(explanation).toMatchObject({
      takes_part: false,
      because: { code: "prebuild" },
      rules: [],
      next: null,
    })
  })
})

test("404 for a workspace that does not exist or that the caller may not read", async () => {
  const [user, stranger] = [await givenUser(), await givenUser()]
  const workspace = await givenWorkspace(user, await givenTemplate(user))
  const hidden = await api(`/api/v2/workspaces/${workspace.id}/lifecycle`, {
    token: stranger.token,
  })
  const missing = await api(`/api/v2/workspaces/${crypto.randomUUID()}/lifecycle`, {
    token: stranger.token,
  })
  expect([hidden.status, missing.status]).toEqual([404, 404])
  expect(hidden.body).toEqual(missing.body)
})

test("401 without a session", async () => {
  expect((await api(`/api/v2/workspaces/${crypto.randomUUID()}/lifecycle`)).status).toBe(401)
})
