// The HTTP application: what every request passes, then one line a resource.
import { OpenAPIHono } from "@hono/zod-openapi"
import { HTTPException } from "hono/http-exception"
import { requestId } from "hono/request-id"
import { openCaller } from "./access/caller.ts"
import { refuseForgery } from "./access/csrf.ts"
import { authenticate, requireToken } from "./access/authenticate.ts"
import { limitRate } from "./access/rate-limit.ts"
import { settleRefusal } from "./access/refusal.ts"
import { routeClass } from "./access/route-class.ts"
import { buildRoutes } from "./builds/mount.ts"
import { agentRoutes } from "./agents/mount.ts"
import { auditRoutes } from "./audit/routes.ts"
import type { Clock } from "./clock.ts"
import { connect, parseDatabaseUrl, type DatabaseCall } from "./platform/db/client.ts"
import { DatabaseUnavailable, StatementFailed } from "./platform/db/errors.ts"
import { cliAuthPage } from "./deployment/cli-auth-page.ts"
import { overviewPage } from "./deployment/overview-page.ts"
import { deploymentRoutes, greeting } from "./deployment/routes.ts"
import { jsonBody, malformedBody } from "./platform/http/body.ts"
import { docsPage } from "./platform/http/docs.ts"
import { describeApi, type ApiDocument } from "./platform/http/openapi.ts"
import type { AppEnv } from "./platform/http/env.ts"
import { ApiError, badRequest, routeNotFound } from "./platform/http/errors.ts"
import { loggedUrl, writeEvent, type WideEvent } from "./platform/event.ts"
import { jsonType, wireJson } from "./platform/http/json.ts"
import { routedMethods } from "./platform/http/methods.ts"
import { lifecycleRoutes } from "./lifecycle/routes.ts"
import { authCheckRoutes } from "./identity/authcheck-routes.ts"
import { firstUserRoutes } from "./identity/first-user.ts"
import { assignableRoleRoutes } from "./identity/assignable-roles.ts"
import { memberRoutes } from "./identity/organizations/member-routes.ts"
import { organizationRoutes } from "./identity/organizations/routes.ts"
import { apiKeyRoutes } from "./identity/sessions/key-routes.ts"
import { sessionRoutes } from "./identity/sessions/routes.ts"
import { userChangeRoutes } from "./identity/users/change-routes.ts"
import { userCreateRoutes } from "./identity/users/create-routes.ts"
import { userReadRoutes } from "./identity/users/read-routes.ts"
import { userSettingRoutes } from "./identity/users/setting-routes.ts"
import { inboxRoutes } from "./notifications/inbox-routes.ts"
import { webhookRoutes } from "./notifications/webhook-routes.ts"
import { prebuildRoutes } from "./pools/routes.ts"
import { provisionerRoutes } from "./queue/mount.ts"
import { templatesRoutes } from "./templates/mount.ts"
import { deploymentStatsRoutes } from "./insights/deployment-routes.ts"
import { insightsRoutes } from "./insights/routes.ts"
import { runningTimeRoutes } from "./insights/running-time/routes.ts"
import { metricsRoutes } from "./insights/metrics/routes.ts"
import { buildVersion } from "./version.ts"
import { usageBatchRoutes } from "./usage/batch-routes.ts"
import { usageRoutes } from "./usage/routes.ts"
import { workspaceRoutes } from "./workspaces/mount.ts"

const prefix = "/api/v2"

/** Which credentials open a route, as the OpenAPI document names them. */
function credentialsOf(method: string, path: string): readonly string[] {
  const kind = routeClass(method, path)
  if (kind === "public") return []
  return kind === "user-or-agent" ? ["user", "agent"] : [kind]
}

/** Bodies that are not JSON: uploads are streamed. */
const isRawBody = (path: string) => path === `${prefix}/files`

/** Where a build's state comes in: asked for with a build, put in its place, reported by a daemon. */
const mayHoldState = (path: string) =>
  /\/workspaces\/[^/]+\/builds$|\/workspacebuilds\/[^/]+\/state$|\/jobs\/[^/]+\/(complete|fail)$/.test(
    path,
  )

export function createApp(clock: Clock) {
  const app = new OpenAPIHono<AppEnv>()
  const methodsOf = routedMethods(app)

  app.use(requestId({ headerName: "X-Request-Id" }))
  app.use(async (c, next) => {
    const event: WideEvent = {
      event: "request",
      requestId: c.get("requestId"),
      method: c.req.method,
      url: loggedUrl(c.req.url),
      dbCalls: 0,
      dbMs: 0,
    }
    const startedAt = performance.now()
    c.set("event", event)
    c.set("now", clock())
    c.json = ((value: unknown, status?: number, headers?: Record<string, string>) =>
      c.body(wireJson(value), status as 200, {
        "Content-Type": jsonType,
        ...headers,
      })) as unknown as typeof c.json
    await next()
    // A handshake's answer carries its socket: it is passed on untouched.
    if (c.res.status !== 101) {
      c.header("X-Coder-Build-Version", buildVersion)
      // Daemons and agents follow this clock, which is not the machine's where the local system runs ahead.
      c.header("Date", c.get("now").toUTCString())
      c.header("X-Content-Type-Options", "nosniff")
    }
    writeEvent({ ...event, status: c.res.status, ms: performance.now() - startedAt })
  })
  app.use(async (c, next) => {
    const database = parseDatabaseUrl(c.env.DATABASE_URL)
    if (!database.ok) throw new ApiError(503, database.error)
    const event = c.get("event")
    const onCall = (call: DatabaseCall) => {
      event["dbCalls"] = Number(event["dbCalls"]) + 1
      event["dbMs"] = Number(event["dbMs"]) + call.ms
    }
    const db = connect(database.url, { onCall })
    c.set("db", db)
    c.set("caller", await openCaller(c, db, c.get("now")))
    c.set("authenticate", () => authenticate(c))
    return next()
  })
  app.use(`${prefix}/*`, limitRate)
  app.use(refuseForgery)
  app.use(requireToken((method, path) => methodsOf(path).includes(method)))
  app.use(jsonBody(isRawBody, mayHoldState))

  app.route(prefix, deploymentRoutes)
  app.route(prefix, authCheckRoutes)
  app.route(prefix, firstUserRoutes)
  app.route(prefix, sessionRoutes)
  app.route(prefix, apiKeyRoutes)
  app.route(prefix, organizationRoutes)
  app.route(prefix, assignableRoleRoutes)
  app.route(prefix, memberRoutes)
  app.route(prefix, userCreateRoutes)
  app.route(prefix, userReadRoutes)
  app.route(prefix, userChangeRoutes)
  app.route(prefix, userSettingRoutes)
  app.route(prefix, auditRoutes)
  app.route(prefix, inboxRoutes)
  app.route(prefix, webhookRoutes)

  app.route("/", metricsRoutes)
  // Clients ask with the slash, which the router takes for another path.
  app.get(`${prefix}/`, (c) => c.json(greeting, 200))
  app.get("/", overviewPage)
  app.get("/cli-auth", cliAuthPage)
  app.get("/healthz", (c) => c.text("OK"))

  app.route(prefix, workspaceRoutes)
  app.route(prefix, lifecycleRoutes)
  app.route(prefix, usageRoutes)
  app.route(prefix, usageBatchRoutes)
  app.route(prefix, agentRoutes)
  app.route(prefix, templatesRoutes)
  app.route(prefix, prebuildRoutes)
  app.route(prefix, buildRoutes)
  app.route(prefix, insightsRoutes)
  app.route(prefix, deploymentStatsRoutes)
  app.route(prefix, runningTimeRoutes)
  app.route(prefix, provisionerRoutes)

  let described: ApiDocument | undefined
  const document = () => (described ??= describeApi(app, buildVersion, credentialsOf))
  app.get("/openapi.json", (c) => c.json(document()))
  app.get("/docs", (c) => c.html(docsPage(document())))

  app.notFound((c) => {
    const methods = methodsOf(c.req.path)
    if (methods.length > 0) return c.body(null, 405, { Allow: methods.join(", ") })
    return c.json(routeNotFound().body, 404)
  })
  app.onError(async (error, c) => {
    const answer = await settleRefusal(c, toApiError(error), toApiError)
    const event = c.get("event")
    if (event && answer.status >= 500) {
      event["outcome"] = "error"
      event["error"] = describe(error)
    }
    return c.body(wireJson(answer.body), answer.status, {
      "Content-Type": jsonType,
      ...withMetadata(answer.headers, c.env.ACCESS_URL),
    })
  })
  return app
}

/** A challenge also says where the deployment describes itself (api.md 0.2). */
function withMetadata(headers: Record<string, string>, accessUrl: string): Record<string, string> {
  const challenge = headers["WWW-Authenticate"]
  if (challenge === undefined) return headers
  const metadata = `resource_metadata="${accessUrl}/.well-known/oauth-protected-resource"`
  return { ...headers, "WWW-Authenticate": `${challenge}, ${metadata}` }
}

// What a request alone can bring into a statement: a text with a NUL in it, an instant that PostgreSQL's calendar does not have.
const unstorable = new Set(["22021", "22P05", "22008"])

function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof DatabaseUnavailable) {
    return new ApiError(
      503,
      "The database is not available. Please try again in a moment.",
      {},
      { "Retry-After": "5" },
    )
  }
  if (error instanceof StatementFailed && unstorable.has(error.code)) {
    return badRequest("The request holds a value that cannot be stored.", {
      detail: "A text may hold no NUL, and a time must be one that the calendar has.",
    })
  }
  if (error instanceof HTTPException && error.status === 400) return malformedBody(error.message)
  return new ApiError(500, "An internal server error occurred.")
}

/** What the log may say of an error: our own sentences, never a driver's. */
function describe(error: unknown): Record<string, unknown> {
  if (error instanceof StatementFailed || error instanceof DatabaseUnavailable) {
    return { message: error.message, statement: error.statement, code: error.code }
  }
  return error instanceof Error
    ? { message: error.message, stack: error.stack }
    : { message: String(error) }
}
