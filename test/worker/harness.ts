// What tests in workerd share: the Worker as a function to call, its clock, its tick, the database.
import {
  createExecutionContext,
  createScheduledController,
  waitOnExecutionContext,
} from "cloudflare:test"
import { env, exports } from "cloudflare:workers"
import { neon } from "@neondatabase/serverless"
import { setLocalClock } from "../../dev/local/clock.ts"
import worker from "../../dev/local/worker-entry.ts"
import { brokenPromise } from "./contract.ts"

export { afterEpoch, epoch } from "./epoch.ts"

export type ApiRequest = {
  method?: string
  /** Sent as JSON, unless it is bytes or a string. */
  body?: unknown
  /** A session token. */
  token?: string
  headers?: Record<string, string>
}

export type ApiAnswer<Body> = { status: number; headers: Headers; text: string; body: Body }

/**
 * Sends one request to the Worker. The answer must be one that the route declares. `body` is the
 * parsed JSON, or null if the text is not JSON.
 *
 * @example const { status, body } = await api("/api/v2/workspaces", { token })
 */
// oxlint-disable-next-line typescript/no-explicit-any -- a test says what it expects by asserting it, not by a type
export async function api<Body = any>(
  path: string,
  request: ApiRequest = {},
): Promise<ApiAnswer<Body>> {
  const response = await fetchWorker(path, request)
  const text = await response.text()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
  const parsed = parseJson(text) as Body
  const method = request.method ?? (request.body === undefined ? "GET" : "POST")
  const broken = brokenPromise(method, path, { status: response.status, body: parsed })
  if (broken !== null) throw new Error(broken)
  return { status: response.status, headers: response.headers, text, body: parsed }
}

/** The same, with the raw answer: for streams and sockets. */
export function fetchWorker(
  path: string,
  { method, body, token, headers }: ApiRequest = {},
): Promise<Response> {
  const isRaw = typeof body === "string" || body instanceof Uint8Array
  return exports.default.fetch(`https://dormouse.test${path}`, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      ...(token === undefined ? {} : { "Coder-Session-Token": token }),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    redirect: "manual",
    ...(body === undefined ? {} : { body: isRaw ? (body as BodyInit) : JSON.stringify(body) }),
  })
}

/** Sets the Worker's clock. Each file begins at the epoch. */
export function at(now: Date): void {
  setLocalClock(now)
}

/**
 * Runs the scheduled handler as the platform would at that minute, and waits for all that it left
 * running.
 */
export async function tick(now: Date): Promise<void> {
  setLocalClock(now)
  const context = createExecutionContext()
  const controller = createScheduledController({ scheduledTime: now, cron: "* * * * *" })
  await worker.scheduled(controller, env, context)
  await waitOnExecutionContext(context)
}

/**
 * Reads or prepares the file's database directly, for what the API cannot show or create. Values
 * are as the driver parses them.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- rows are as the test's own SQL shapes them
export async function query<Row = any>(text: string, params: unknown[] = []): Promise<Row[]> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
  return (await neon(env.DATABASE_URL).query(text, params)) as Row[]
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The same with the tables' triggers off, for a past that they would reject. */
export async function queryWithoutTriggers(text: string, params: unknown[] = []): Promise<void> {
  const client = neon(env.DATABASE_URL)
  await client.transaction([
    client.query("set local session_replication_role = replica"),
    client.query(text, params),
  ])
}
