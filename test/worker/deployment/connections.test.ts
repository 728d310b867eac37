// The connection log shows auditors who opened which application, and nobody else.
import { beforeAll, describe, expect, test } from "vitest"
import { givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { api, query } from "../harness.ts"

let owner: GivenUser
let person: GivenUser
let workspaceId: string

beforeAll(async () => {
  owner = await givenUser({ roles: ["owner"] })
  person = await givenUser()
  workspaceId = (await givenWorkspace(person, await givenTemplate(person))).id
  for (const [slug, at] of [
    ["code", "2026-03-04T08:00:00Z"],
    ["8080", "2026-03-04T08:30:00Z"],
  ]) {
    await query(
      `insert into workspace_app_stats (user_id, workspace_id, agent_id, session_id, access_method,
         slug_or_port, session_started_at, session_ended_at, requests)
       values ($1, $2, gen_random_uuid(), gen_random_uuid(), 'path', $3, $4, $4, 1)`,
      [person.id, workspaceId, slug, at],
    )
  }
})

const search = (q: string, token = owner.token) =>
  api(`/api/v2/connectionlog?q=${encodeURIComponent(`workspace_id:${workspaceId} ${q}`)}`, {
    token,
  })

describe("the connection log", () => {
  test("lists sessions with applications and ports, newest first", async () => {
    const { status, body } = await search("")
    expect([status, body.count]).toEqual([200, 2])
    expect(body.connection_logs).toMatchObject([
      { type: "port_forwarding", web_info: { slug_or_port: "8080" }, workspace_id: workspaceId },
      { type: "workspace_app", web_info: { slug_or_port: "code", user: { id: person.id } } },
    ])
  })

  test.each([
    ["type:workspace_app", 1],
    ["type:ssh", 0],
    ["status:ongoing", 0],
    ['connected_after:"2026-03-04T08:15:00Z"', 1],
    ['connected_before:"2026-03-04T08:15:00Z"', 1],
    ["username:nobody-at-all", 0],
  ])("finds by %s", async (q, count) => {
    expect((await search(q)).body.count).toBe(count)
  })

  test.each(["type:carrier-pigeon", "connected_after:yesterday", "color:red", "word"])(
    "rejects %s by name",
    async (q) => {
      const { status, body } = await search(q)
      expect([status, body.validations.length]).toEqual([400, 1])
    },
  )

  test("is closed to a member", async () => {
    expect((await search("", person.token)).status).toBe(403)
  })
})
