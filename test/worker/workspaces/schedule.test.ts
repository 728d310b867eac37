// When a workspace runs: autostart, time to live, deadline and dormancy, against their groups of
// the cases and at their edges.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { beforeAll, describe, expect, test } from "vitest"
import { lifecycle as cases } from "../../cases/read.ts"
import { givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenWorkspace, type BuildOptions } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, query } from "../harness.ts"
import type { Row } from "../rows.ts"

let admin: GivenUser
let owner: GivenUser
let reader: GivenUser

beforeAll(async () => {
  admin = await givenUser({ roles: ["owner"] })
  owner = await givenUser()
  reader = await givenUser({ roles: ["template-admin"] })
})

async function given(
  options: { template?: Row; columns?: Row; build?: BuildOptions; owner?: { id: string } } = {},
) {
  const template = await givenTemplate(admin, { columns: options.template ?? {} })
  return givenWorkspace(options.owner ?? owner, template, {
    columns: options.columns ?? {},
    ...(options.build && { build: options.build }),
  })
}

const put = (id: string, what: string, body: unknown, token = owner.token) =>
  api(`/api/v2/workspaces/${id}/${what}`, { method: "PUT", token, body })
const read = async (id: string) =>
  (await api(`/api/v2/workspaces/${id}`, { token: owner.token })).body

type Expected = {
  status: number
  message?: string
  message_contains?: string
  validations?: { field: string; detail: string }[]
}

function expectAnswer(
  answer: { status: number; body: { message: string } | null },
  expected: Expected,
) {
  const { status, message, message_contains, validations } = expected
  expect(answer.status).toBe(status)
  if (message !== undefined) expect(answer.body?.message).toBe(message)
  if (message_contains !== undefined) expect(answer.body?.message).toContain(message_contains)
  if (validations !== undefined) expect(answer.body).toMatchObject({ validations })
}

describe("api_autostart", () => {
  type Case = {
    name: string
    input: { template?: Row; workspace?: string; body: object }
    expected: Expected
  }

  test.each(cases.groups.api_autostart as Case[])("$name", async ({ input, expected }) => {
    const { id } = await given(input.template ? { template: input.template } : {})
    expectAnswer(
      await put(input.workspace ? crypto.randomUUID() : id, "autostart", input.body),
      expected,
    )
  })

  test("a schedule is stored verbatim and sets the next allowed start", async () => {
    // The epoch is a Wednesday; Monday and Tuesday alone are allowed.
    const { id } = await given({ template: { autostart_days: 0b11 } })
    const schedule = "CRON_TZ=Europe/Dublin  30 9 * * 1-5"
    expect((await put(id, "autostart", { schedule })).status).toBe(204)
    expect(await read(id)).toMatchObject({
      autostart_schedule: schedule,
      next_start_at: "2026-03-09T09:30:00Z",
    })
    expect((await put(id, "autostart", {})).status).toBe(204)
    const cleared = await read(id)
    expect(cleared.next_start_at).toBe(null)
    expect(cleared).not.toHaveProperty("autostart_schedule")
  })

  test("a schedule that no day allows is refused", async () => {
    const { id } = await given({ template: { autostart_days: 0 } })
    expectAnswer(await put(id, "autostart", { schedule: "30 9 * * 1-5" }), {
      status: 400,
      message: "Invalid autostart schedule.",
      validations: [{ field: "schedule", detail: "no allowed autostart" }],
    })
  })

  test.each([
    "0 9 * * ,",
    "60 9 * * 1",
    "0 24 * * 1",
    "0 9 1 * 1",
    "0 9 * 1 1",
    "0 9 * * 7",
    "@daily",
    "CRON_TZ=Nowhere/City 0 9 * * 1",
    " CRON_TZ=UTC 0 9 * * 1",
    "0 9 * * 1-",
    "0 9 * * 5-1",
    "0 9 * * */0",
    "* * * * * *  *",
  ])("the malformed schedule %j is refused", async (schedule) => {
    const { id } = await given()
    const answer = await put(id, "autostart", { schedule })
    expectAnswer(answer, { status: 400, message: "Invalid autostart schedule." })
  })
})

test("a new schedule whose next start equals the old one keeps it", async () => {
  const { id } = await given()
  const set = (schedule: string) => put(id, "autostart", { schedule })
  expect((await set("CRON_TZ=UTC 0 12 * * *")).status).toBe(204)
  const { next_start_at } = await read(id)
  expect(next_start_at).toBe("2026-03-04T12:00:00Z")
  expect((await set("CRON_TZ=UTC 0 12 * * 1-5")).status).toBe(204)
  expect(await read(id)).toMatchObject({
    autostart_schedule: "CRON_TZ=UTC 0 12 * * 1-5",
    next_start_at,
  })
})

describe("api_ttl", () => {
  type Case = {
    name: string
    input: {
      create?: boolean
      template?: Row
      workspace?: string
      body?: object
      running?: boolean
      from_ttl_hours?: number
      to_ttl_hours?: null
      latest_build?: { transition: "stop"; deadline: string }
    }
    expected: Expected & {
      ttl_ms?: number | null
      deadline?: string
      deadline_before?: string
      deadline_after?: null
    }
  }
  // The rows that create are in create.test.ts.
  const rows = (cases.groups.api_ttl as unknown as Case[]).filter(
    ({ input }) => !input.create && input.body,
  )

  test.each(rows)("$name", async ({ input, expected }) => {
    const build = input.latest_build && {
      transition: input.latest_build.transition,
      columns: { deadline: input.latest_build.deadline },
    }
    const template = input.template?.["default_ttl_ms"] === null ? {} : (input.template ?? {})
    const { id } = await given({ template, ...(build && { build }) })
    expectAnswer(await put(input.workspace ? crypto.randomUUID() : id, "ttl", input.body), expected)
    const workspace = await read(id)
    if (expected.ttl_ms !== undefined) expect(workspace.ttl_ms ?? null).toBe(expected.ttl_ms)
    if (expected.deadline !== undefined)
      expect(workspace.latest_build.deadline).toBe(expected.deadline)
  })

  const removed = (cases.groups.api_ttl as unknown as Case[]).filter(({ input }) => input.running)

  test.each(removed)("$name", async ({ input, expected }) => {
    const ttl_ms = Number(input.from_ttl_hours) * 3_600_000
    const { id } = await given({
      columns: { ttl_ms },
      build: { columns: { deadline: afterEpoch(ttl_ms) } },
    })
    const hasDeadline = (await read(id)).latest_build.deadline !== null
    expect(hasDeadline ? "set" : null).toBe(expected.deadline_before)
    expect((await put(id, "ttl", { ttl_ms: input.to_ttl_hours })).status).toBe(expected.status)
    expect((await read(id)).latest_build.deadline).toBe(expected.deadline_after)
  })

  test.each([
    [null, null],
    [afterEpoch(7_200_000), "2026-03-04T11:00:00Z"],
  ])("clearing it leaves a running build its ceiling alone: %s", async (max_deadline, expected) => {
    const { id } = await given({
      columns: { ttl_ms: 3_600_000 },
      build: { columns: { deadline: afterEpoch(3_600_000), max_deadline } },
    })
    expect((await put(id, "ttl", { ttl_ms: 7_200_000 })).status).toBe(204)
    expect((await read(id)).latest_build.deadline).toBe("2026-03-04T10:00:00Z")
    expect((await put(id, "ttl", { ttl_ms: null })).status).toBe(204)
    expect((await read(id)).latest_build.deadline).toBe(expected)
  })

  test.each([
    [60_000, 204],
    [59_999, 400],
    [2_592_000_000, 204],
    [2_592_059_999, 204],
    [2_592_060_000, 400],
    [-60_000, 400],
    [1.5, 400],
    ["60000", 400],
  ])("%j is %i", async (ttl_ms, status) => {
    const { id } = await given()
    expect((await put(id, "ttl", { ttl_ms })).status).toBe(status)
  })
})

describe("api_extend", () => {
  type Case = {
    name: string
    input: {
      now: string
      build: {
        transition: "start"
        job_completed_at: string
        deadline: string
        max_deadline: string
      }
      body: object
    }
    expected: Expected & { deadline?: string }
  }
  const orNull = (text: string) => (text.startsWith("0001") ? null : text)

  test.each(cases.groups.api_extend as Case[])("$name", async ({ input, expected }) => {
    const { build } = input
    const { id } = await given({
      build: {
        at: new Date(build.job_completed_at),
        columns: { deadline: orNull(build.deadline), max_deadline: orNull(build.max_deadline) },
      },
    })
    at(new Date(input.now))
    // Sessions of the tests begin at the epoch and have a year: this case lies before it.
    expectAnswer(await put(id, "extend", input.body), expected)
    if (expected.deadline) expect((await read(id)).latest_build.deadline).toBe(expected.deadline)
    at(epoch)
  })

  const soon = { deadline: "2026-03-04T10:00:00Z" }
  test.each([
    [
      "a stopped one",
      { transition: "stop" as const },
      409,
      "Workspace must be started, current status: stop",
    ],
    ["one that is building", { status: "running" as const }, 409, "Workspace is still building!"],
    ["one without a deadline", {}, 409, "Workspace shutdown is manual."],
    [
      "a failed one that has a deadline",
      { status: "failed" as const, columns: soon },
      200,
      undefined,
    ],
  ])("%s", async (_, build, status, message) => {
    const { id } = await given({ build })
    const answer = await put(id, "extend", { deadline: "2026-03-04T12:00:00Z" })
    expectAnswer(answer, { status, ...(message && { message }) })
  })

  test.each([{}, { deadline: null }, { deadline: "soon" }, { deadline: 5 }])(
    "%j is refused",
    async (body) => {
      const { id } = await given({ build: { columns: soon } })
      expect((await put(id, "extend", body)).status).toBe(400)
    },
  )
})

describe("api_dormant", () => {
  test("with auto-delete", async () => {
    const { id } = await given({ template: { time_til_dormant_autodelete_ms: 60_000 } })
    const { status, body } = await put(id, "dormant", { dormant: true })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      dormant_at: "2026-03-04T09:00:00Z",
      deleting_at: "2026-03-04T09:01:00Z",
      last_used_at: "2026-03-04T09:00:00Z",
      next_start_at: null,
    })
    at(afterEpoch(1000))
    const again = await put(id, "dormant", { dormant: true })
    expect(again).toMatchObject({ status: 304, text: "" })
    const awake = await put(id, "dormant", { dormant: false })
    expect(awake.body).toMatchObject({
      dormant_at: null,
      deleting_at: null,
      last_used_at: "2026-03-04T09:00:01Z",
    })
    at(epoch)
    const audits = await query("select action from audit_logs where resource_id = $1", [id])
    expect(audits).toEqual([{ action: "write" }, { action: "write" }])
  })

  test("the owner of another's workspace is notified once, and not when it wakes", async () => {
    const { id } = await given({ template: { time_til_dormant_autodelete_ms: 3_024_000_000 } })
    await put(id, "dormant", { dormant: true }, admin.token)
    await put(id, "dormant", { dormant: true }, admin.token)
    await put(id, "dormant", { dormant: false }, admin.token)
    const messages = await query(
      "select template_id, user_id, labels, created_by from notification_messages where $1 = any(targets)",
      [id],
    )
    expect(messages).toEqual([
      {
        template_id: "0ea69165-ec14-4314-91f1-69566ac3c5a0",
        user_id: owner.id,
        created_by: "api",
        labels: expect.objectContaining({
          reason: `a ${admin.username} request`,
          timeTilDelete: "1 month from now",
        }),
      },
    ])
  })

  test("marking one's own workspace notifies nobody", async () => {
    const { id } = await given()
    await put(id, "dormant", { dormant: true })
    expect(
      await query("select id from notification_messages where $1 = any(targets)", [id]),
    ).toEqual([])
  })

  test("of two at once one marks and the other finds it marked", async () => {
    const { id } = await given()
    const answers = await Promise.all([1, 2].map(() => put(id, "dormant", { dormant: true })))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 304])
  })
})

describe("api_prebuild_conflict", () => {
  type Case = {
    name: string
    input: { clock: string; path: string; body: object; claimed_workspace_ttl_ms: number }
    expected: { unclaimed: { status: number; message: string; detail: string }; claimed: Row }
  }

  test.each(cases.groups.api_prebuild_conflict as unknown as Case[])(
    "$name",
    async ({ input, expected }) => {
      const what = input.path.split("/").at(-1)!
      const prebuild = await given({
        owner: { id: prebuildsUserId },
        columns: { last_used_at: null },
      })
      const refused = await put(prebuild.id, what, input.body, admin.token)
      expect(refused.status).toBe(expected.unclaimed.status)
      expect(refused.body).toEqual({
        message: expected.unclaimed.message,
        detail: expected.unclaimed.detail,
      })

      const now = new Date(input.clock)
      const claimed = await given({
        columns: { ttl_ms: input.claimed_workspace_ttl_ms },
        build: { at: now, columns: { deadline: new Date(now.getTime() + 3_600_000) } },
      })
      at(now)
      expect((await put(claimed.id, what, input.body)).status).toBeLessThan(300)
      at(epoch)
      const workspace = await read(claimed.id)
      const { status: _, deadline, ...columns } = expected.claimed
      expect(workspace).toMatchObject(columns)
      if (deadline !== undefined) expect(workspace.latest_build.deadline).toBe(deadline)
    },
  )
})

describe("who may not", () => {
  const changes: [string, object][] = [
    ["autostart", { schedule: "0 9 * * 1" }],
    ["ttl", { ttl_ms: 60_000 }],
    ["extend", { deadline: "2026-03-04T12:00:00Z" }],
    ["dormant", { dormant: true }],
    ["autoupdates", { automatic_updates: "always" }],
  ]

  test.each(changes)(
    "%s: 401 for nobody, 404 for a stranger, 403 for a reader, and nothing is written",
    async (what, body) => {
      const { id } = await given()
      const before = await read(id)
      const stranger = await givenUser()
      const path = `/api/v2/workspaces/${id}/${what}`
      expect((await api(path, { method: "PUT", body })).status).toBe(401)
      expectAnswer(await put(id, what, body, stranger.token), {
        status: 404,
        message_contains: "Resource not found",
      })
      expect((await api(`/api/v2/workspaces/${id}`, { token: reader.token })).status).toBe(200)
      expectAnswer(await put(id, what, body, reader.token), { status: 403, message: "Forbidden." })
      expect(await read(id)).toEqual(before)
      expect((await put("nonsense", what, body)).status).toBe(400)
      expect((await api(path, { method: "PUT", token: owner.token })).status).toBe(400)
      expect((await api(path, { method: "PUT", token: owner.token, body: "{" })).status).toBe(400)
    },
  )
})
