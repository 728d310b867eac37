// Requests that no client should send. Each answer names the fault, and none is a 5xx.
import { beforeAll, describe, expect, test } from "vitest"
import { givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate, type GivenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { api, query } from "../harness.ts"

let owner: GivenUser
let template: GivenTemplate
let workspace: { id: string; name: string }

beforeAll(async () => {
  owner = await givenUser()
  template = await givenTemplate(owner, {
    parameters: [{ name: "region", required: false, default_value: "", mutable: true }],
  })
  workspace = await givenWorkspace(owner, template, {
    columns: { automatic_updates: "never" },
    build: { columns: { deadline: "2026-03-04T19:00:00Z" } },
  })
})

const ask = (method: string, path: string, body?: unknown) =>
  api(`/api/v2${path.replace("{id}", workspace.id).replace("{name}", workspace.name)}`, {
    method,
    token: owner.token,
    ...(body !== undefined && { body }),
  })

const unstorable = "The request holds a value that cannot be stored."
const notJson = "Request body must be valid JSON."
const extend = (deadline: unknown) => ["PUT", "/workspaces/{id}/extend", { deadline }] as const
const ttl = (ttl_ms: unknown) => ["PUT", "/workspaces/{id}/ttl", { ttl_ms }] as const

describe("a character or an instant that cannot be stored", () => {
  test.each([
    ["GET", "/workspaces?q=%00"],
    ["GET", "/workspaces?q=param:a%00=b"],
    ["GET", "/workspaces?q=owner:%00"],
    ["GET", "/users/me/workspace/%00"],
    ["GET", "/users/%00/workspace/x"],
    ["GET", "/users/%00/workspaces"],
    ["GET", "/users/me/workspace/%00/builds/1"],
  ])("%s %s", async (method, path) => {
    const { status, body: answer } = await ask(method, path)
    expect([status, answer.message]).toEqual([400, unstorable])
  })

  test("neither a workspace nor a build is made of it", async () => {
    const name = "of-a-nul"
    const rich_parameter_values = [{ name: "region", value: "\u0000" }]
    const made = await ask("POST", "/users/me/workspaces", {
      name,
      template_id: template.id,
      rich_parameter_values,
    })
    expect([made.status, made.body.message]).toEqual([400, 'Unable to validate parameter "region"'])
    expect(await query("select 1 from workspaces where name = $1", [name])).toEqual([])
    const built = await ask("POST", "/workspaces/{id}/builds", {
      transition: "stop",
      rich_parameter_values,
    })
    expect([built.status, built.body.message]).toEqual([
      400,
      'Unable to validate parameter "region"',
    ])
  })
})

describe("a time", () => {
  test.each([
    "0000-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01",
    "yesterday",
  ])("%s is none in a search, nor in `since`", async (text) => {
    const searched = await ask(
      "GET",
      `/workspaces?q=${encodeURIComponent(`last_used_before:"${text}"`)}`,
    )
    expect([searched.status, searched.body.validations[0].field]).toEqual([400, "last_used_before"])
    const listed = await ask("GET", `/workspaces/{id}/builds?since=${text}`)
    expect([listed.status, listed.body.validations[0].field]).toEqual([400, "since"])
  })

  test.each([
    "0000-11-25T23:00:00Z",
    "2026-11-25T10:00:00",
    "2026-02-30T10:00:00Z",
    "2026-11-25",
    "",
    5,
  ])("%j is no deadline", async (deadline) => {
    const { status, body } = await ask(...extend(deadline))
    expect([status, body.message]).toEqual([400, notJson])
  })

  test.each([[undefined], [null], ["0001-01-01T00:00:00Z"], ["0001-01-01T01:00:00+01:00"]])(
    "%j is a deadline that is not given",
    async (deadline) => {
      const { status, body } = await ask(...extend(deadline))
      expect(status).toBe(400)
      expect(body).toEqual({
        message: "Validation failed.",
        validations: [
          {
            field: "deadline",
            detail:
              'Validation failed for tag "required" with value: "0001-01-01 00:00:00 +0000 UTC"',
          },
        ],
      })
    },
  )

  test("with a fraction of nine digits and an offset is one", async () => {
    const { status, body } = await ask(...extend("2026-03-04T13:00:00.123456789+01:00"))
    expect([status, body.message]).toEqual([200, "Deadline updated to 2026-03-04T12:00:00.123Z."])
  })
})

describe("a number", () => {
  test.each([1.5, 1e30, "5", true, [], {}])("%j is no ttl", async (value) => {
    const { status, body } = await ask(...ttl(value))
    expect([status, body.message]).toEqual([400, notJson])
  })

  test.each([
    [2 ** 63, "time until shutdown must be less than 30 days"],
    [2_592_060_000, "time until shutdown must be less than 30 days"],
    [59_999, "time until shutdown must be at least one minute"],
    [-(2 ** 63), "time until shutdown must be at least one minute"],
  ])("a ttl of %j is out of its bounds", async (value, detail) => {
    const { status, body } = await ask(...ttl(value))
    expect(status).toBe(400)
    expect(body.validations).toEqual([{ field: "ttl_ms", detail }])
  })

  test.each([
    ["1", 200],
    ["+1", 200],
    ["0", 404],
    ["-1", 404],
    ["2147483647", 404],
    ["2147483648", 400],
    ["99999999999", 400],
    ["1.0", 400],
    ["one", 400],
  ])("the build %s is a %i", async (number, status) => {
    const answer = await ask(
      "GET",
      `/users/me/workspace/{name}/builds/${encodeURIComponent(number)}`,
    )
    expect(answer.status).toBe(status)
    if (status === 400) expect(answer.body.message).toBe("Failed to parse build number as integer.")
    if (status === 404) {
      expect(answer.body.message).toBe(
        `Workspace "${workspace.name}" Build ${Number(number)} does not exist.`,
      )
    }
  })
})

describe("null is what is not given", () => {
  test.each([
    ["PUT", "/workspaces/{id}/dormant", { dormant: null }, 304],
    ["PUT", "/workspaces/{id}/autoupdates", { automatic_updates: null }, 400],
    ["PATCH", "/workspaces/{id}", { name: null }, 204],
    ["PUT", "/workspaces/{id}/autostart", { schedule: null }, 204],
  ])("%s %s %j", async (method, path, body, status) => {
    const answer = await ask(method, path, body)
    expect(answer.status).toBe(status)
    if (status === 400) expect(answer.body.message).toBe("Invalid request")
  })
})

describe("a name", () => {
  const forbidden = Array.from("_. /\\@:%?#&=+~!$'\"()*,;<>[]^`{|}\t\nä\u00e9\u0000")
  test.each([
    ...forbidden.map((character) => `a${character}b`),
    "",
    "-a",
    "a-",
    "a--b",
    "new",
    "create",
    "x".repeat(33),
  ])("%j is none for a new workspace", async (name) => {
    const made = await ask("POST", "/users/me/workspaces", { name, template_id: template.id })
    expect([made.status, made.body.message]).toEqual([400, "Validation failed."])
    expect(made.body.validations).toMatchObject([{ field: "name" }])
  })

  test.each(["a", "A-1-b", "x".repeat(32), "News", "0"])("%j is one", async (name) => {
    const made = await ask("POST", "/users/me/workspaces", { name, template_id: template.id })
    expect([made.status, made.body.name]).toEqual([201, name])
  })
})
