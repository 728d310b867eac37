// Delivery of the outbox: the inbox, and signed webhooks that keep their ids and back off on
// failure.
import { env } from "cloudflare:workers"
import { Webhook } from "standardwebhooks"
import { afterEach, describe, expect, test, vi } from "vitest"
import { connect } from "../../../src/platform/db/client.ts"
import { notificationIds } from "../../../src/notifications/templates.ts"
import { sendWebhooks } from "../../../src/notifications/send-webhooks.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, query, tick } from "../harness.ts"
import { insertRow } from "../rows.ts"

const minuteMs = 60_000

async function givenMessage(user: { id: string }, workspaceId: string, name = "w") {
  return insertRow("notification_messages", {
    id: crypto.randomUUID(),
    idempotency_key: crypto.randomUUID(),
    template_id: notificationIds.workspaceDormant,
    user_id: user.id,
    labels: {
      name,
      reason: "inactivity exceeded the dormancy threshold",
      timeTilDelete: "1 month from now",
    },
    targets: [workspaceId, user.id],
    created_by: "lifecycle_executor",
    next_attempt_at: epoch,
    created_at: epoch,
  })
}

async function givenMessages(count: number) {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user))
  const messages = []
  for (let n = 0; n < count; n++) messages.push(await givenMessage(user, workspace.id, `w${n}`))
  return { user, workspace, messages }
}

describe("the inbox", () => {
  test("shows what was delivered, once, to its owner alone", async () => {
    const { user, workspace, messages } = await givenMessages(1)
    const stranger = await givenUser()
    await Promise.all([tick(afterEpoch(minuteMs)), tick(afterEpoch(minuteMs))])
    const { status, body } = await api("/api/v2/notifications/inbox", { token: user.token })
    expect(status).toBe(200)
    expect(body).toEqual({
      notifications: [
        {
          id: messages[0].id,
          user_id: user.id,
          template_id: notificationIds.workspaceDormant,
          targets: [workspace.id, user.id],
          title: `Workspace "w0" marked as dormant`,
          content: expect.stringContaining("It is deleted 1 month from now"),
          icon: "DEFAULT_ICON_WORKSPACE",
          actions: [
            {
              label: "View workspace",
              url: `https://dormouse.test/@${user.username}/${workspace.name}`,
            },
          ],
          read_at: null,
          created_at: "2026-03-04T09:01:00Z",
        },
      ],
      unread_count: 1,
    })
    const other = await api("/api/v2/notifications/inbox", { token: stranger.token })
    expect(other.body).toEqual({ notifications: [], unread_count: 0 })
  })

  test("does not get a notification that its owner switched off", async () => {
    const { user, messages } = await givenMessages(1)
    const path = "/api/v2/users/me/notifications/preferences"
    const id = notificationIds.workspaceDormant
    const put = (map: Record<string, boolean>) =>
      api(path, { method: "PUT", token: user.token, body: { template_disabled_map: map } })
    expect((await api(path, { token: user.token })).body).toEqual([])
    expect((await put({ [crypto.randomUUID()]: true })).status).toBe(400)
    const { body } = await put({ [id]: true })
    expect(body).toEqual([{ id, disabled: true, updated_at: expect.any(String) }])
    await tick(afterEpoch(minuteMs))
    const read = async () => (await api("/api/v2/notifications/inbox", { token: user.token })).body
    expect((await read()).notifications).toEqual([])
    const [message] = await query("select status from notification_messages where id = $1", [
      messages[0].id,
    ])
    expect(message.status).toBe("delivered")
    expect((await put({ [id]: false })).body[0].disabled).toBe(false)
    await givenMessage(user, crypto.randomUUID(), "again")
    await tick(afterEpoch(2 * minuteMs))
    expect((await read()).notifications).toHaveLength(1)
  })

  test("is marked read, unread and all read", async () => {
    const { user, messages } = await givenMessages(2)
    const stranger = await givenUser()
    await tick(afterEpoch(minuteMs))
    const path = `/api/v2/notifications/inbox/${messages[0].id}/read-status`
    const put = (token: string, is_read: boolean) =>
      api(path, { method: "PUT", token, body: { is_read } })
    expect((await put(stranger.token, true)).status).toBe(404)
    expect((await put(user.token, true)).body).toMatchObject({
      unread_count: 1,
      notification: { read_at: "2026-03-04T09:01:00Z" },
    })
    const unread = await api("/api/v2/notifications/inbox?read_status=unread", {
      token: user.token,
    })
    expect(unread.body.notifications.length).toBe(1)
    expect((await put(user.token, false)).body.unread_count).toBe(2)
    const all = await api("/api/v2/notifications/inbox/mark-all-as-read", {
      method: "PUT",
      token: user.token,
    })
    expect(all.status).toBe(204)
    expect(
      (await api("/api/v2/notifications/inbox", { token: user.token })).body.unread_count,
    ).toBe(0)
  })

  test("is filtered by targets and templates; bad ids are 400", async () => {
    const { user, workspace } = await givenMessages(1)
    await tick(afterEpoch(minuteMs))
    const count = async (search: string) =>
      (await api(`/api/v2/notifications/inbox?${search}`, { token: user.token })).body.notifications
        ?.length
    expect(await count(`targets=${workspace.id}`)).toBe(1)
    expect(await count(`targets=${workspace.id},${crypto.randomUUID()}`)).toBe(0)
    expect(await count(`templates=${notificationIds.workspaceDeleted}`)).toBe(0)
    const bad = await api("/api/v2/notifications/inbox?targets=x", { token: user.token })
    expect(bad.status).toBe(400)
  })
})

describe("webhooks", () => {
  const settings = { TOKEN_KEYS: env.TOKEN_KEYS, WEBHOOK_PRIVATE_TARGETS: "false" }
  const outgoing: { url: string; headers: Headers; body: string }[] = []
  let answer = () => new Response(null, { status: 204 })
  const realFetch = globalThis.fetch

  function catchFetches() {
    vi.stubGlobal("fetch", async (input: RequestInfo | URL, init?: RequestInit) => {
      const url = input instanceof Request ? input.url : String(input)
      if (!url.startsWith("https://hooks.")) return realFetch(input, init)
      outgoing.push({
        url,
        headers: new Headers(init?.headers),
        body: typeof init?.body === "string" ? init.body : "",
      })
      return answer()
    })
  }

  afterEach(async () => {
    vi.unstubAllGlobals()
    outgoing.length = 0
    answer = () => new Response(null, { status: 204 })
    await query("delete from notification_webhooks")
  })

  async function givenWebhook() {
    const owner = await givenUser({ roles: ["owner"] })
    at(epoch)
    const { status, body } = await api("/api/v2/notifications/webhooks", {
      token: owner.token,
      body: { url: "https://hooks.example.com/in" },
    })
    expect(status).toBe(201)
    return { owner, webhook: body as { id: string; secret: string } }
  }

  test("get each message once, with a valid signature", async () => {
    const { webhook } = await givenWebhook()
    const { messages } = await givenMessages(2)
    catchFetches()
    const now = new Date()
    await query("update notification_messages set next_attempt_at = $1 where status = 'pending'", [
      epoch,
    ])
    await tick(now)
    await sendWebhooks(connect(env.DATABASE_URL), settings, now)
    expect(outgoing.length).toBe(messages.length)
    expect(new Set(outgoing.map(({ headers }) => headers.get("webhook-id")))).toEqual(
      new Set(messages.map(({ id }) => id)),
    )
    for (const { headers, body } of outgoing) {
      const payload = new Webhook(webhook.secret).verify(body, Object.fromEntries(headers))
      expect(payload).toMatchObject({
        type: "workspace.dormant",
        data: { labels: { timeTilDelete: "1 month from now" } },
      })
    }
  })

  test("that fail back off, are reported, and get the same id again", async () => {
    const { owner, webhook } = await givenWebhook()
    await givenMessages(3)
    catchFetches()
    answer = () => new Response(null, { status: 500 })
    const db = connect(env.DATABASE_URL)
    await tick(afterEpoch(minuteMs))
    expect(outgoing.length).toBe(1)
    await sendWebhooks(db, settings, afterEpoch(minuteMs + 59_000))
    expect(outgoing.length).toBe(1)
    const { body } = await api("/api/v2/notifications/webhooks", { token: owner.token })
    expect(body).toEqual([
      expect.objectContaining({
        id: webhook.id,
        failures: 1,
        last_error: "the target answered 500",
        next_attempt_at: "2026-03-04T09:02:00Z",
        pending_count: 3,
      }),
    ])
    answer = () => new Response(null, { status: 200 })
    await sendWebhooks(db, settings, afterEpoch(2 * minuteMs))
    expect(outgoing.length).toBe(4)
    expect(new Set(outgoing.map(({ headers }) => headers.get("webhook-id"))).size).toBe(3)
  })

  test("are managed by administrators of the deployment; private targets are refused", async () => {
    const { owner, webhook } = await givenWebhook()
    const user = await givenUser()
    const create = (token: string, url: string) =>
      api("/api/v2/notifications/webhooks", { token, body: { url } })
    const hidden = await create(owner.token, "https://127.0.0.1/")
    expect([hidden.status, hidden.body.validations[0].field]).toEqual([400, "url"])
    expect((await create(user.token, "https://hooks.example.com/")).status).toBe(403)
    expect((await api("/api/v2/notifications/webhooks", { token: user.token })).status).toBe(403)
    const path = `/api/v2/notifications/webhooks/${webhook.id}`
    expect((await api(path, { method: "DELETE", token: user.token })).status).toBe(403)
    expect((await api(path, { method: "DELETE", token: owner.token })).status).toBe(204)
    expect((await api(path, { method: "DELETE", token: owner.token })).status).toBe(404)
  })
})
