// Random requests to an operation of the OpenAPI document, and what is wrong with an answer.
import * as fc from "fast-check"
import type { ApiDocument, Operation } from "../../src/platform/http/openapi-document.ts"
import { allows, valueOf } from "./schema.ts"

export type Target = { method: string; path: string; operation: Operation }
export type FuzzRequest = { path: string; body: unknown; isBodyAllowed: boolean }

/** Operations that end the session with which everything else is asked. */
const isLeftOut = ({ method, path }: Target) =>
  path.endsWith("/users/logout") || (method === "DELETE" && path.includes("/keys/"))

export function targetsOf({ paths }: ApiDocument): Target[] {
  return Object.entries(paths)
    .flatMap(([path, byMethod]) =>
      Object.entries(byMethod).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        operation,
      })),
    )
    .filter((target) => !isLeftOut(target))
}

/** The same request for the same seed. `ids` are those of things that exist. */
export function requestOf(
  { path, operation }: Target,
  document: ApiDocument,
  ids: readonly string[],
  seed: number,
): FuzzRequest {
  const { schemas } = document.components
  const names = ["me", "default", "admin", ...ids]
  const media = operation.requestBody?.content["application/json"]
  const parameters = operation.parameters ?? []
  const values = fc.record({
    places: fc.record(
      Object.fromEntries(
        parameters
          .filter((one) => one.in === "path")
          .map((one) => [
            one.name,
            fc.oneof(
              { weight: 6, arbitrary: fc.constantFrom(...names) },
              { weight: 1, arbitrary: valueOf(one.schema ?? {}, schemas, ids) },
            ),
          ]),
      ),
    ),
    query: fc.record(
      Object.fromEntries(
        parameters
          .filter((one) => one.in === "query")
          .map((one) => [one.name, valueOf(one.schema ?? {}, schemas, ids)]),
      ),
      { requiredKeys: [] },
    ),
    body: media?.schema === undefined ? fc.constant(undefined) : bodyOf(media, schemas, ids),
  })
  const [drawn] = fc.sample(values, { seed, numRuns: 1 })
  const { places, query, body } = drawn ?? { places: {}, query: {}, body: undefined }
  const filled = path.replaceAll(/\{([^}]+)\}/g, (_, name: string) =>
    encodeURIComponent(wellFormed(textOf(places[name])) || "-"),
  )
  const search = new URLSearchParams(
    Object.entries(query).map(([name, value]) => [name, wellFormed(textOf(value))]),
  ).toString()
  return {
    path: search === "" ? filled : `${filled}?${search}`,
    body,
    isBodyAllowed: media?.schema === undefined || allows(media.schema, body, schemas),
  }
}

/** A third are the document's own example, so that what lies behind validation is reached. */
const bodyOf = (
  media: { schema?: object; example?: unknown },
  schemas: ApiDocument["components"]["schemas"],
  ids: readonly string[],
) =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant(media.example) },
    { weight: 2, arbitrary: valueOf(media.schema ?? {}, schemas, ids) },
  )

const textOf = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value ?? ""))
const wellFormed = (text: string) => text.toWellFormed()

export type FuzzAnswer = { status: number; text: string; isJson: boolean }

/** What is wrong with an answer, in a sentence; null if nothing is. */
export function problemOf(
  { operation }: Target,
  { isBodyAllowed }: FuzzRequest,
  { status, text, isJson }: FuzzAnswer,
): string | null {
  if (status >= 500) return `answered ${status}`
  // 405: the path is routed under another method, which a random id can make of it.
  if (operation.responses[status] === undefined && status !== 405)
    return `answered ${status}, which the document does not name`
  if (status < 300 && !isBodyAllowed) return `took a body that the document forbids`
  if (status >= 400 && status !== 405 && !(isJson && text.startsWith('{"message":')))
    return `answered ${status} without the error's shape`
  return null
}
