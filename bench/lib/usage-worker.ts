// The Worker of the usage bench: the local one on the bench's clock, alarms included.
//
// Beside the ping route it has the same route with one UPDATE each instead of the tracker.
import { neonConfig } from "@neondatabase/serverless"
import { sql } from "drizzle-orm"
import { actorId, may } from "../../src/access/may.ts"
import { connect, statement } from "../../src/platform/db/client.ts"
import type { Ping } from "../../src/usage/tracker/mark.ts"
import { trackerOfShard, usageShardCount } from "../../src/usage/tracker/shards.ts"
import { createWorker } from "../../src/worker.ts"
import { localClock, setLocalClock } from "../../dev/local/clock.ts"
import local from "../../dev/local/worker-entry.ts"

export * from "../../dev/local/worker-entry.ts"

// Counted where requests leave for the endpoint, for both routes: a batch is one round trip.
const asked = { roundTrips: 0, statements: 0 }
neonConfig.fetchFunction = (...request: Parameters<typeof fetch>) => {
  const body = JSON.parse(request[1]?.body as string) as { queries?: unknown[] }
  asked.roundTrips += 1
  asked.statements += body.queries?.length ?? 1
  return fetch(...request)
}

// Emulated rate limits and log output cost this machine many times what the platform charges. Both
// routes go without them, as both would have them.
console.log = () => {}
const unlimited = { limit: () => Promise.resolve({ success: true }) }
const withoutLimits = (env: Env): Env => ({
  ...env,
  RATE_LIMIT_READ: unlimited,
  RATE_LIMIT_WRITE: unlimited,
  RATE_LIMIT_LOGIN: unlimited,
  RATE_LIMIT_ADDRESS: unlimited,
})

const worker = createWorker(localClock)

/**
 * Authenticates, checks the permission and marks, in one transaction of one round trip: the least
 * that a route without the tracker can do.
 */
async function updateOnce(
  env: Env,
  { keyId, keyHash, workspaceId, seenAtMs }: Ping,
): Promise<"kept"> {
  const seenAt = new Date(seenAtMs)
  const columns = { id: sql`w.id`, owner: sql`w.owner_id`, organization: sql`w.organization_id` }
  const [, rows] = await connect(env.DATABASE_URL).batch([
    statement(
      "bench.authenticate",
      sql`select authenticate_user(${keyId}, decode(${keyHash}, 'hex'), ${seenAt}::timestamptz, '')
        as actor, ${actorId} as id`,
    ),
    statement<{ id: string }>(
      "bench.mark",
      sql`update workspaces w set last_used_at = greatest(w.last_used_at, ${seenAt}::timestamptz)
        where w.id = ${workspaceId}::uuid and not w.deleted
          and ${may("update", "workspace", columns)} returning w.id`,
    ),
  ])
  if (rows.length !== 1) throw new Error("the workspace was not marked")
  return "kept"
}

function withoutTracker(env: Env): Env {
  const tracker = { ping: (ping: Ping) => updateOnce(env, ping) }
  return { ...env, USAGE_TRACKER: { getByName: () => tracker } as unknown as Env["USAGE_TRACKER"] }
}

const RealDate = Date

/** The platform's clock, standing still at an instant. */
function dateAt(atMs: number): DateConstructor {
  return class extends RealDate {
    constructor(...parts: [] | [number]) {
      super(...(parts.length === 0 ? ([atMs] as const) : parts))
    }
    static override now(): number {
      return atMs
    }
  } as DateConstructor
}

/**
 * Sets the clock and fires the alarms that are due. Returns what waited before they fired, and how
 * often the database was asked.
 */
async function step(env: Env, atMs: number): Promise<Response> {
  setLocalClock(new RealDate(atMs))
  // The platform's clock sets alarms. The bench's clock runs ahead of it, so that none fires by
  // itself.
  globalThis.Date = dateAt(atMs)
  const shards = Array.from({ length: usageShardCount }, (_, shard) => trackerOfShard(env, shard))
  const waiting = await Promise.all(shards.map((shard) => shard.waiting()))
  await Promise.all(shards.map((shard) => (shard as unknown as Driven).fireAlarm(atMs)))
  const oldest = waiting.flatMap(({ oldestAtMs }) => (oldestAtMs === null ? [] : [oldestAtMs]))
  return Response.json({
    asked,
    oldestAtMs: oldest.length === 0 ? null : Math.min(...oldest),
  })
}
type Driven = { fireAlarm: (untilMs: number) => Promise<boolean> }

type Incoming = Parameters<ExportedHandlerFetchHandler<Env>>[0]

/**
 * One client inside the Worker, so that neither a client nor the network is measured. It sends one
 * heartbeat after the other.
 */
async function send(request: Incoming, env: Env, ctx: ExecutionContext): Promise<Response> {
  const { heartbeats, isDirect } = await request.json<{
    heartbeats: { path: string; token: string }[]
    isDirect: boolean
  }>()
  const used = withoutLimits(isDirect ? withoutTracker(env) : env)
  for (const { path, token } of heartbeats) {
    const ping = new Request(`https://bench.invalid${path}`, {
      method: "POST",
      headers: { "Coder-Session-Token": token },
    })
    const answer = await worker.fetch(ping as Incoming, used, ctx)
    if (answer.status !== 204) return new Response(await answer.text(), { status: 500 })
  }
  return Response.json(heartbeats.length)
}

export default {
  scheduled: (controller, env, ctx) => local.scheduled(controller, env, ctx),
  fetch: (request, env, ctx) => {
    const url = new URL(request.url)
    if (url.pathname === "/bench/step") return step(env, Number(url.searchParams.get("at")))
    if (url.pathname === "/bench/send") return send(request, env, ctx)
    return worker.fetch(request, withoutLimits(env), ctx)
  },
} satisfies ExportedHandler<Env>
