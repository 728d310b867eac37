// The HTTP application: what every request passes, then the routes, then what errors become.
import { OpenAPIHono } from "@hono/zod-openapi"
import type { Context, MiddlewareHandler } from "hono"
import { etag } from "hono/etag"
import { requestId } from "hono/request-id"
import { secureHeaders } from "hono/secure-headers"
import { getPath } from "hono/utils/url"
import { openAgent } from "./access/agent-token.ts"
import { authenticate, requireToken } from "./access/authenticate.ts"
import { openCaller } from "./access/caller.ts"
import { refuseForgery } from "./access/csrf.ts"
import { limitRate } from "./access/rate-limit.ts"
import { settleRefusal } from "./access/refusal.ts"
import { routeClass } from "./access/route-class.ts"
import { bodyExamples } from "./body-examples.ts"
import type { Clock } from "./clock.ts"
import { cliAuthPage } from "./deployment/cli-auth-page.ts"
import { docsPage } from "./deployment/docs-page.ts"
import { overviewPage } from "./deployment/overview-page.ts"
import { metricsRoutes } from "./insights/metrics/routes.ts"
import { openDatabase, type DatabaseCall } from "./platform/db/client.ts"
import { toHex } from "./platform/db/values.ts"
import { sha256 } from "./platform/hash.ts"
import { loggedUrl, writeEvent, type WideEvent } from "./platform/event.ts"
import { jsonBody } from "./platform/http/body.ts"
import type { AppEnv } from "./platform/http/env.ts"
import { routeNotFound } from "./platform/http/errors.ts"
import { describeError, toApiError } from "./platform/http/failures.ts"
import { sendJson, writeWireJson } from "./platform/http/answer.ts"
import { refuseMethod, routedMethods } from "./platform/http/methods.ts"
import { jsonType, wireJson } from "./platform/http/json.ts"
import { describeApi } from "./platform/http/openapi.ts"
import { apiRouters } from "./routes.ts"
import { buildVersion } from "./version.ts"

const prefix = "/api/v2"

export function createApp(clock: Clock) {
  const app = new OpenAPIHono<AppEnv>({ getPath: plainPath })
  const methodsOf = routedMethods(app)

  app.use(requestId({ headerName: "X-Request-Id" }))
  app.use(observe(clock))
  app.use(openRequest)
  app.use(limitRate)
  app.use(refuseForgery)
  app.use(refuseMethod(methodsOf))
  app.use(requireToken((method, path) => methodsOf(path).includes(method)))
  app.use(jsonBody(isRawBody, mayHoldState))
  app.use(`${prefix}/workspaceagents/me/*`, openAgentSession)

  for (const router of apiRouters) app.route(prefix, router)
  app.route("/", metricsRoutes)
  app.get("/", overviewPage)
  app.get("/cli-auth", cliAuthPage)
  app.get("/docs", docsPage)
  app.get("/healthz", (c) => c.text("OK"))
  serveDocument(app)

  app.notFound((c) => sendJson(c, routeNotFound().body, 404))
  app.onError(answerError)
  return app
}

/** Clients end paths with a slash and double slashes as they like; each means the path without. */
const plainPath = (request: Request) =>
  getPath(request)
    .replace(/\/+/g, "/")
    .replace(/(.)\/$/, "$1")

// Browsers only: nothing is framed, sniffed, or reached again without TLS.
const secure = secureHeaders({
  overwrite: false,
  strictTransportSecurity: "max-age=31536000",
  xFrameOptions: "DENY",
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
})

/** Gives the request its instant and its log line, and completes every answer. */
function observe(clock: Clock): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
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
    writeWireJson(c)
    await next()
    // A handshake's answer carries its socket, so it is passed on untouched.
    if (c.res.status !== 101) {
      c.header("X-Coder-Build-Version", buildVersion)
      // Daemons and agents follow this clock. Where the local system runs ahead it is not the
      // machine's.
      c.header("Date", c.get("now").toUTCString())
      // An answer of the API is one person's, and may hold a token that is shown only once.
      if (c.req.path.startsWith(prefix) && !c.res.headers.has("Cache-Control"))
        c.header("Cache-Control", "no-store")
      await secure(c, async () => {})
    }
    writeEvent({ ...event, status: c.res.status, ms: performance.now() - startedAt })
  }
}

/** Opens the database and the caller's session. Neither costs a round trip before its first use. */
const openRequest: MiddlewareHandler<AppEnv> = async (c, next) => {
  const event = c.get("event")
  const onCall = (call: DatabaseCall) => {
    event["dbCalls"] = Number(event["dbCalls"]) + 1
    event["dbMs"] = Number(event["dbMs"]) + call.ms
  }
  const db = openDatabase(c.env, { onCall })
  c.set("db", db)
  c.set("caller", await openCaller(c, db, c.get("now")))
  c.set("authenticate", () => authenticate(c))
  return next()
}

const openAgentSession: MiddlewareHandler<AppEnv> = async (c, next) => {
  c.set("agent", await openAgent(c, c.get("db")))
  return next()
}

/** Bodies that are not JSON: uploads are streamed. */
const isRawBody = (path: string) => path === `${prefix}/files`

/** The routes that take a build's state: with a build, in its place, and from a daemon. */
const mayHoldState = (path: string) =>
  [
    /\/workspaces\/[^/]+\/builds$/,
    /\/workspacebuilds\/[^/]+\/state$/,
    /\/jobs\/[^/]+\/(complete|fail)$/,
  ].some((pattern) => pattern.test(path))

/** The OpenAPI document, written once per isolate. */
function serveDocument(app: OpenAPIHono<AppEnv>): void {
  let document: Promise<{ text: string; tag: string }> | undefined
  const write = async () => {
    const text = wireJson(
      describeApi(app, buildVersion, { securityOf: credentialsOf, bodyExamples }),
    )
    return { text, tag: `"${toHex(await sha256(text))}"` }
  }
  app.get("/openapi.json", etag(), async (c) => {
    const { text, tag } = await (document ??= write())
    return c.body(text, 200, { "Content-Type": jsonType, "Cache-Control": "no-cache", ETag: tag })
  })
}

/** Which credentials open a route, as the OpenAPI document names them. */
function credentialsOf(method: string, path: string): readonly string[] {
  const kind = routeClass(method, path)
  if (kind === "public") return []
  return kind === "user-or-agent" ? ["user", "agent"] : [kind]
}

async function answerError(error: Error, c: Context<AppEnv>) {
  // Proving the caller may fail for a reason of its own, and then that is what the log names.
  let cause: unknown = error
  const answer = await settleRefusal(c, toApiError(error, c.req), (other) => {
    cause = other
    return toApiError(other, c.req)
  })
  const event = c.get("event")
  if (event && answer.status >= 500) {
    event["outcome"] = "error"
    event["error"] = describeError(cause)
  }
  const headers = withMetadata(answer.headers, c.env.ACCESS_URL)
  return sendJson(c, answer.body, answer.status, headers)
}

/** A challenge also names the document that describes how the deployment authorizes. */
function withMetadata(headers: Record<string, string>, accessUrl: string): Record<string, string> {
  const challenge = headers["WWW-Authenticate"]
  if (challenge === undefined) return headers
  const metadata = `resource_metadata="${accessUrl}/.well-known/oauth-protected-resource"`
  return { ...headers, "WWW-Authenticate": `${challenge}, ${metadata}` }
}
