// The fuzzer: what counts as a problem, and that a seed repeats a request.
import { describe, expect, test } from "vitest"
import { problemOf, requestOf, type Target } from "../../dev/fuzz/requests.ts"
import { allows } from "../../dev/fuzz/schema.ts"
import type { ApiDocument } from "../../src/platform/http/openapi-document.ts"

const document: ApiDocument = {
  info: { title: "", version: "" },
  paths: {},
  components: { schemas: { Name: { type: "string", enum: ["a", "b"] } } },
}
const schema = {
  type: "object",
  properties: {
    name: { $ref: "#/components/schemas/Name" },
    ttl_ms: { type: ["integer", "null"], maximum: 10 },
    tags: { type: "array", items: { type: "string" } },
  },
  required: ["name"],
}
const target: Target = {
  method: "POST",
  path: "/things/{thing}",
  operation: {
    parameters: [{ name: "thing", in: "path", schema: { type: "string", format: "uuid" } }],
    requestBody: { content: { "application/json": { schema, example: { name: "a" } } } },
    responses: { 201: { description: "" }, 400: { description: "" } },
  },
}

describe("a value", () => {
  test.each([
    [{ name: "a" }, true],
    [{ name: "a", ttl_ms: null, tags: ["x"], other: 1 }, true],
    [{}, false],
    [{ name: "c" }, false],
    [{ name: "a", ttl_ms: 11 }, false],
    [{ name: "a", ttl_ms: 0.5 }, false],
    [{ name: "a", tags: [null] }, false],
    [null, false],
  ])("%j is allowed: %s", (value, expected) => {
    expect(allows(schema, value, document.components.schemas)).toBe(expected)
  })
})

describe("an answer", () => {
  const request = { path: "/things/1", body: {}, isBodyAllowed: false }
  const refused = '{"message":"Validation failed."}\n'
  test.each([
    [{ status: 500, text: refused, isJson: true }, "answered 500"],
    [
      { status: 418, text: refused, isJson: true },
      "answered 418, which the document does not name",
    ],
    [{ status: 201, text: "{}", isJson: true }, "took a body that the document forbids"],
    [{ status: 400, text: "no", isJson: false }, "answered 400 without the error's shape"],
    [{ status: 400, text: refused, isJson: true }, null],
    [{ status: 405, text: "", isJson: false }, null],
  ])("%j: %s", (answer, problem) => {
    expect(problemOf(target, request, answer)).toBe(problem)
  })
})

test("a seed makes the same request again", () => {
  const ids = ["5b9e1c0a-3d3f-4e55-9f0e-8d3c3f1f4a11"]
  const draw = (seed: number) => requestOf(target, document, ids, seed)
  expect(draw(7)).toEqual(draw(7))
  expect(new Set([1, 2, 3, 4, 5].map((seed) => JSON.stringify(draw(seed)))).size).toBeGreaterThan(1)
})
