// A daemon's own routes: registration, heartbeat, the WebSocket of its board, acquire.
import { createRoute, z } from "@hono/zod-openapi"
import { ApiError, badRequest, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, uuidSchema } from "../../platform/http/wire.ts"
import { boardName } from "../notify/domain.ts"
import { normaliseTags } from "../tags.ts"
import { publishWorkspaces } from "../../platform/durable/publish.ts"
import { requireUpgrade } from "../../platform/durable/watch.ts"
import { acquire } from "../jobs/acquire.ts"
import { openDaemonSession } from "./session.ts"
import { daemonDomain, heartbeatDaemon, registerDaemon } from "./statements.ts"
import { daemonSchema, toDaemonView } from "./view.ts"
import { acquiredJob, registerRequest } from "../jobs/protocol.ts"

const tags = ["Provisioner protocol"]
const daemonParam = z.object({ daemon: uuidSchema })

export const daemonRoutes = createRouter()
daemonRoutes.use("/provisionerdaemons", openDaemonSession)
daemonRoutes.use("/provisionerdaemons/*", openDaemonSession)

const register = createRoute({
  method: "post",
  path: "/provisionerdaemons",
  tags,
  summary: "Register a daemon under its key; the same name is the same daemon again",
  request: { body: jsonRequest(registerRequest) },
  responses: { 201: jsonBody(daemonSchema, "The daemon."), ...errors(400, 401) },
})

daemonRoutes.openapi(register, async (c) => {
  const body = c.req.valid("json")
  const given = body.tags && Object.keys(body.tags).length > 0 ? normaliseTags("", body.tags) : null
  const [row] = await c.var.provisioner.query(
    registerDaemon({
      id: crypto.randomUUID(),
      name: body.name,
      version: body.version,
      apiVersion: body.api_version,
      provisioners: body.provisioners,
      tags: given,
      now: c.var.now,
    }),
  )
  if (!row)
    throw badRequest(
      "The provisioner key has tags of its own; a daemon that uses it must not send any.",
    )
  return c.json(toDaemonView(row), 201)
})

const heartbeat = createRoute({
  method: "post",
  path: "/provisionerdaemons/{daemon}/heartbeat",
  tags,
  summary: "Say that the daemon is alive",
  request: { params: daemonParam },
  responses: { 204: { description: "Noted." }, ...errors(400, 401, 404) },
})

daemonRoutes.openapi(heartbeat, async (c) => {
  const [row] = await c.var.provisioner.query(
    heartbeatDaemon(c.req.valid("param").daemon, c.var.now),
  )
  if (!row) throw notFound()
  return c.body(null, 204)
})

const listen = createRoute({
  method: "get",
  path: "/provisionerdaemons/{daemon}/listen",
  tags,
  summary: 'A WebSocket whose frames {"type": "job"} are hints to try an acquire',
  description:
    "While it is open the daemon need not poll: it gets a hint for each job, at the latest " +
    'within 30 s. It may report its free slots, `{"type": "free", "count": 2}`, whenever they ' +
    "change and when an acquire found nothing. Each hint reserves one of them until the next " +
    "report, for at most 10 s; a daemon without a free slot gets no hints. A `ping` is answered " +
    "`pong`. When it is closed with 4000, the daemon is registered otherwise by now and must " +
    "connect again.",
  request: { params: daemonParam },
  responses: { 101: { description: "The socket." }, ...errors(400, 401, 404, 426, 503) },
})

daemonRoutes.openapi(listen, async (c) => {
  const { daemon } = c.req.valid("param")
  requireUpgrade(c)
  const [domain] = await c.var.provisioner.query(daemonDomain(daemon, c.var.now))
  if (!domain) throw notFound()
  const board = c.env.JOB_BOARD.getByName(await boardName(domain))
  await board.serve(domain)
  const answer = await board.fetch(`https://board/listen/${daemon}`, {
    headers: { Upgrade: "websocket" },
  })
  if (answer.status === 503)
    throw new ApiError(503, "Too many daemons wait. Please try again in a moment.")
  return answer
})

const take = createRoute({
  method: "post",
  path: "/provisionerdaemons/{daemon}/acquire",
  tags,
  summary: "Take the next job that the daemon may run",
  request: { params: daemonParam },
  responses: {
    200: jsonBody(acquiredJob, "The job; the daemon holds it as long as it sends updates."),
    204: { description: "Nothing waits." },
    ...errors(400, 401, 404),
  },
})

daemonRoutes.openapi(take, async (c) => {
  const acquired = await acquire(c.var.provisioner, c.req.valid("param").daemon, c.var.now, c.env)
  if (acquired === null) throw notFound()
  if (acquired.job === null) return c.body(null, 204)
  if (acquired.workspaceId !== null)
    c.executionCtx.waitUntil(publishWorkspaces(c.env, [acquired.workspaceId]))
  return c.json(acquired.job, 200)
})
