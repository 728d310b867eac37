// The router of one resource, with the hook that turns failed validation into the API's errors.
import { OpenAPIHono, type Hook } from "@hono/zod-openapi"
import type { AppEnv } from "./env.ts"
import { malformedBody } from "./body.ts"
import { badRequest, notFound, tagDetail, validationFailed, type Validation } from "./errors.ts"

type Issue = {
  code: string
  path: PropertyKey[]
  message: string
  input?: unknown
  params?: Record<string, unknown>
}

/** A router for one resource: `createRouter().openapi(route, handler)`. */
export function createRouter() {
  return new OpenAPIHono<AppEnv>({ defaultHook: validationHook })
}

const validationHook: Hook<unknown, AppEnv, string, unknown> = (result, c) => {
  if (result.success) return
  const issues = result.error.issues as unknown as Issue[]
  switch (result.target) {
    case "param": {
      // A name longer than the maximum cannot exist: answer 404, not 400.
      if (issues[0]?.code === "too_big") throw notFound()
      const name = String(issues[0]?.path[0] ?? "")
      throw badRequest(`Invalid UUID ${JSON.stringify(c.req.param(name) ?? "")}.`)
    }
    case "query":
      throw badRequest("Query parameters have invalid values.", {
        validations: issues.map(toValidation),
      })
    default: {
      if (c.req.raw.body === null) throw malformedBody("EOF")
      // To a typed decoder, a value of the wrong type makes the whole body unreadable.
      const mistyped = issues.find((issue) => issue.code === "invalid_type" && !isMissing(issue))
      if (mistyped) {
        throw badRequest("Request body must be valid JSON.", {
          detail: `field "${fieldOf(mistyped)}": ${mistyped.message}`,
        })
      }
      throw validationFailed(issues.map(toValidation))
    }
  }
}

const fieldOf = (issue: Issue) => issue.path.map(String).join(".")
const isMissing = (issue: Issue) =>
  issue.code === "invalid_type" && issue.message.endsWith("received undefined")

function toValidation(issue: Issue): Validation {
  const field = fieldOf(issue)
  if (isMissing(issue)) return { field, detail: tagDetail("required", "") }
  return { field, detail: issue.message }
}
