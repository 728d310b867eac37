// The contract of the routes, held against every answer that a test gets.
//
// The OpenAPI document must name the status, and the body must have the declared shape.
import type { RouteConfig } from "@hono/zod-openapi"
import { createApp } from "../../src/app.ts"
import { platformClock } from "../../src/clock.ts"

type Parser = { safeParse(value: unknown): { success: boolean; error?: { message: string } } }
type Declared = { content?: Record<string, { schema?: Parser }> }
type Promised = {
  name: string
  method: string
  pattern: RegExp
  answers: Record<string, Declared | undefined>
}

// What any route may answer, which the document adds to each: no credential, a malformed request, a
// body too large, too many requests, a fault.
const ofAll = new Set([400, 401, 413, 429, 500, 503])
// A path that is routed under another method.
const methodNotAllowed = 405

let promised: Promised[] | undefined

function promises(): Promised[] {
  const { definitions } = createApp(platformClock).openAPIRegistry
  const routes = definitions.flatMap((one) => (one.type === "route" ? [one.route] : []))
  return routes.map((route: RouteConfig) => ({
    name: `${route.method.toUpperCase()} ${route.path}`,
    method: route.method.toUpperCase(),
    pattern: new RegExp(`^${route.path.replace(/\{[^}]+\}/g, "[^/]+")}$`),
    answers: route.responses as Record<string, Declared | undefined>,
  }))
}

/**
 * What is wrong with the answer, in a sentence, or null. Of two routes that match, the more literal
 * one counts.
 */
export function brokenPromise(
  method: string,
  path: string,
  { status, body }: { status: number; body: unknown },
): string | null {
  promised ??= promises()
  const [pathname = ""] = path.split("?")
  const matching = promised.filter(
    (route) => route.method === method && route.pattern.test(pathname),
  )
  const route = matching.toSorted((a, b) => literalLength(b.name) - literalLength(a.name))[0]
  if (route === undefined || status === methodNotAllowed) return null
  const declared = route.answers[status]
  if (declared === undefined) {
    return ofAll.has(status) ? null : `${route.name} answered ${status}, which it does not declare`
  }
  const schema = declared.content?.["application/json"]?.schema
  if (schema === undefined || body === null) return null
  const { success, error } = schema.safeParse(body)
  return success
    ? null
    : `${route.name} answered ${status} with another body than it declares: ${error?.message}`
}

const literalLength = (name: string) => name.replace(/\{[^}]+\}/g, "").length
