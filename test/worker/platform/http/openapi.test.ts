// The OpenAPI document: every route names its parameters and answers, and each example is valid.
import type { RouteConfig } from "@hono/zod-openapi"
import { beforeAll, describe, expect, test } from "vitest"
import { createApp } from "../../../../src/app.ts"
import { platformClock } from "../../../../src/clock.ts"
import type { ApiDocument, Operation } from "../../../../src/platform/http/openapi-document.ts"
import { brokenPromise } from "../../contract.ts"
import { api } from "../../harness.ts"

type Parser = { safeParse(value: unknown): { success: boolean; error?: { message: string } } }
type Contents = Record<string, { schema?: Parser }> | undefined

let document: ApiDocument
let operations: { name: string; path: string; method: string; operation: Operation }[]

beforeAll(async () => {
  document = (await api<ApiDocument>("/openapi.json")).body
  operations = Object.entries(document.paths).flatMap(([path, byMethod]) =>
    Object.entries(byMethod).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      path,
      method,
      operation,
    })),
  )
})

/** The names of the operations for which something is missing. */
const lacking = (isMissing: (operation: Operation) => boolean) =>
  operations.filter(({ operation }) => isMissing(operation)).map(({ name }) => name)

describe("every operation", () => {
  test("has a summary, a tag and an id of its own", () => {
    expect(operations.length).toBeGreaterThan(170)
    expect(lacking(({ summary, tags }) => !summary || tags?.length !== 1)).toEqual([])
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(
      operations.length,
    )
  })

  test("describes its parameters and answers", () => {
    const isSilent = ({ description }: { description?: string }) => !description
    expect(lacking(({ parameters = [] }) => parameters.some(isSilent))).toEqual([])
    expect(lacking(({ responses }) => Object.values(responses).some(isSilent))).toEqual([])
  })

  test("shows an example of each body and each JSON answer", () => {
    const isBare = (content: Operation["responses"][string]["content"]) => {
      const media = content?.["application/json"]
      return media !== undefined && (media.schema === undefined || media.example === undefined)
    }
    expect(
      lacking(({ responses }) => Object.values(responses).some((a) => isBare(a.content))),
    ).toEqual([])
    expect(lacking(({ requestBody }) => isBare(requestBody?.content))).toEqual([])
  })

  test("has an answer for success, or only refuses, and an error body for each error", () => {
    expect(
      lacking(
        ({ responses }) => !Object.keys(responses).some((status) => Number(status) < 400),
      ).toSorted(),
    ).toEqual(
      [
        "GET /api/v2/workspaceagents/me/rpc",
        "GET /api/v2/workspaceagents/me/external-auth",
        "POST /api/v2/organizations/{organization}/members/roles",
      ].toSorted(),
    )
    const isBare = ([status, { content }]: [string, Operation["responses"][string]]) =>
      Number(status) >= 400 &&
      content?.["application/json"]?.schema?.$ref !== "#/components/schemas/Error"
    expect(lacking(({ responses }) => Object.entries(responses).some(isBare))).toEqual([])
  })

  test("names what any route may answer", () => {
    const lacks = (status: number) => lacking(({ responses }) => responses[status] === undefined)
    expect([lacks(429), lacks(500), lacks(503)]).toEqual([[], [], []])
    expect(lacking(({ security, responses }) => security?.length !== 0 && !responses[401])).toEqual(
      [],
    )
    expect(
      lacking(({ requestBody, responses }) => requestBody !== undefined && !responses[413]),
    ).toEqual([])
    expect(
      lacking(({ requestBody, responses }) => requestBody !== undefined && !responses[400]),
    ).toEqual([])
  })

  test("asks for a credential that it names, unless it is open", () => {
    const open = operations.filter(({ operation }) => operation.security?.length === 0)
    expect(open.map(({ name }) => name)).toContain("GET /api/v2/buildinfo")
    expect(open.map(({ name }) => name)).not.toContain("GET /api/v2/workspaces")
    const schemes = new Set(Object.keys(document.components.securitySchemes ?? {}))
    const used = operations.flatMap(({ operation }) =>
      (operation.security ?? []).flatMap(Object.keys),
    )
    expect(new Set(used)).toEqual(schemes)
  })
})

test("every example is what its schema takes", () => {
  const wrong: string[] = []
  const check = (
    name: string,
    declared: Contents,
    shown: Record<string, { example?: unknown }> | undefined,
  ) => {
    const schema = declared?.["application/json"]?.schema
    if (schema === undefined) return
    const { success, error } = schema.safeParse(shown?.["application/json"]?.example)
    if (!success) wrong.push(`${name}: ${error?.message.replace(/\s+/g, " ")}`)
  }
  for (const route of declaredRoutes()) {
    const operation = document.paths[route.path]![route.method]!
    const name = `${route.method} ${route.path}`
    check(`${name} body`, route.request?.body?.content as Contents, operation.requestBody?.content)
    for (const [status, answer] of Object.entries(route.responses)) {
      const { content } = answer as { content?: Contents }
      check(`${name} ${status}`, content, operation.responses[status]?.content)
    }
  }
  expect(wrong).toEqual([])
})

function declaredRoutes(): RouteConfig[] {
  const { definitions } = createApp(platformClock).openAPIRegistry
  return definitions.flatMap((definition) =>
    definition.type === "route" ? [definition.route] : [],
  )
}

describe("null", () => {
  const property = (schema: string, name: string) =>
    document.components.schemas[schema]?.properties?.[name]

  test("is documented where a validator takes it", () => {
    expect(property("UpdateWorkspaceTTLRequest", "ttl_ms")?.type).toEqual(["integer", "null"])
    expect(property("CreateWorkspaceRequest", "ttl_ms")?.type).toEqual(["integer", "null"])
  })

  test("is an alternative to a reference, not a part of it", () => {
    expect(property("Workspace", "latest_app_status")).toEqual({
      anyOf: [{ $ref: "#/components/schemas/WorkspaceAppStatus" }, { type: "null" }],
    })
  })
})

test("a daemon's key goes into the header that the server reads", () => {
  expect(document.components.securitySchemes?.["provisioner"]).toMatchObject({
    type: "apiKey",
    in: "header",
    name: "Coder-Provisioner-Daemon-Key",
  })
})

test("a log is documented as text too", () => {
  const texts = operations.filter(({ operation }) =>
    Object.keys(operation.responses[200]?.content ?? {}).includes("text/plain"),
  )
  expect(texts.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      "GET /api/v2/workspacebuilds/{build}/logs",
      "GET /api/v2/templateversions/{id}/logs",
      "GET /api/v2/workspaceagents/{agent}/logs",
    ]),
  )
})

test.each([
  ["a status", { status: 418, body: { message: "" } }, "which it does not declare"],
  ["a body", { status: 200, body: { version: 2 } }, "with another body than it declares"],
])("%s that a route does not declare fails the test that gets it", (_, answer, problem) => {
  expect(brokenPromise("GET", "/api/v2/buildinfo", answer)).toContain(problem)
})
