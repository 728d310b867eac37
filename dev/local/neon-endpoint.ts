// A small Neon HTTP endpoint in front of PostgreSQL, so that the production driver runs unchanged.
//
// It speaks the protocol of @neondatabase/serverless: POST /sql with the connection string in a
// header, and one query or one transaction of queries with text values. Like Neon it answers a
// PostgreSQL error with 400 and all its fields, and bounds both directions at 64 MB.
import { createHash } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { type CustomTypesConfig, DatabaseError, Pool, type PoolClient, types } from "pg"
import {
  connect,
  RefusedError,
  UnreachableError,
  whileHeard,
  withClient,
} from "./neon-connection.ts"
import { readQuery, type QueryText, type SqlBody } from "./neon-request.ts"

export const bodyBytesMax = 64 * 1024 * 1024
const poolsMax = 64
const connectionsMax = 16

export type NeonEndpoint = { port: number; url: string; stop: () => Promise<void> }

export type NeonEndpointOptions = {
  port?: number
  /** The only database server that it connects to, whatever a caller names. */
  server: { host: string; port: number }
  /**
   * Keeps parsed and planned statements per connection under a name. For tests, which run the same
   * few hundred statements in databases that live for seconds. Nothing is evicted.
   */
  keepsPlans?: boolean
  /** Called with the text of each query. */
  onQuery?: (text: string) => void
}

export async function startNeonEndpoint(options: NeonEndpointOptions): Promise<NeonEndpoint> {
  const pools = createPools(options)
  const server = createServer((request, response) => {
    answer(request, response, pools, options).catch(() => {
      if (!response.headersSent) sendJson(response, 500, { message: "the endpoint failed" })
    })
  })
  // A caller reuses a connection that it believes open. Closing an idle one would race with that.
  server.keepAliveTimeout = 0
  await new Promise<void>((done, fail) => {
    server.once("error", fail)
    server.listen(options.port ?? 0, "127.0.0.1", done)
  })
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return {
    port,
    url: `http://127.0.0.1:${port}/sql`,
    stop: async () => {
      await new Promise<void>((done) => {
        server.close(() => done())
        server.closeAllConnections()
      })
      await pools.end()
    },
  }
}

type Pools = { of: (connectionString: string) => Pool; end: () => Promise<void> }

// One pool per database. The least recently used is closed when there are too many, since tests
// create and drop hundreds of databases.
function createPools({ server }: NeonEndpointOptions): Pools {
  const pools = new Map<string, Pool>()
  return {
    of: (connectionString) => {
      const url = new URL(connectionString)
      if (url.hostname !== server.host || Number(url.port || 5432) !== server.port) {
        throw new RefusedError("this endpoint serves another database server")
      }
      const key = `${url.username}:${url.password}@${url.pathname}`
      const existing = pools.get(key)
      pools.delete(key)
      const pool =
        existing ??
        new Pool({
          connectionString,
          max: connectionsMax,
          idleTimeoutMillis: 10_000,
          connectionTimeoutMillis: 10_000,
          allowExitOnIdle: true,
        })
      // Without a listener a connection that the server closes would end this process. That
      // concerns idle connections, and those that the pool hands over: it no longer watches them,
      // and the receiver does not watch them yet.
      if (existing === undefined)
        pool.on("error", () => {}).on("connect", (client) => client.on("error", () => {}))
      pools.set(key, pool)
      const oldest = pools.keys().next().value
      if (pools.size > poolsMax && oldest !== undefined) {
        void pools.get(oldest)?.end()
        pools.delete(oldest)
      }
      return pool
    },
    end: async () => {
      await Promise.all([...pools.values()].map((pool) => pool.end()))
    },
  }
}

class TooLargeError extends Error {}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  pools: Pools,
  { keepsPlans = false, onQuery = () => {} }: NeonEndpointOptions,
): Promise<void> {
  if (
    request.method !== "POST" ||
    new URL(request.url ?? "/", "http://localhost").pathname !== "/sql"
  ) {
    sendJson(response, 404, { message: "not found" })
    return
  }
  try {
    const body = readQuery(await readBody(request))
    for (const { query } of "queries" in body ? body.queries : [body]) onQuery(query)
    const pool = pools.of(header(request, "neon-connection-string") ?? "")
    const client = await connect(pool)
    const output = {
      rawText: header(request, "neon-raw-text-output") === "true",
      arrayMode: header(request, "neon-array-mode") === "true",
      keepsPlans,
    }
    const run = () => runBody(client, body, begin(request), output)
    const reply = await withClient(client, () => whileHeard(response, client, run))
    const text = JSON.stringify(reply)
    if (Buffer.byteLength(text) > bodyBytesMax) {
      sendJson(response, 507, { message: `response is too large (max is ${bodyBytesMax} bytes)` })
      return
    }
    response.writeHead(200, { "content-type": "application/json" }).end(text)
  } catch (error) {
    sendError(response, error)
  }
}

type Output = { rawText: boolean; arrayMode: boolean; keepsPlans: boolean }

async function runBody(
  client: PoolClient,
  body: SqlBody,
  beginning: string,
  output: Output,
): Promise<unknown> {
  if (!("queries" in body)) return runQuery(client, body, output)
  await client.query(beginning)
  const results = []
  try {
    for (const query of body.queries) results.push(await runQuery(client, query, output))
    await client.query("commit")
  } catch (error) {
    await client.query("rollback").catch(() => {})
    throw error
  }
  return { results }
}

async function runQuery(
  client: PoolClient,
  { query, params }: QueryText,
  output: Output,
): Promise<unknown> {
  const result = await client.query<unknown[]>({
    text: query,
    values: params,
    ...(output.keepsPlans && query.length >= keptLengthMin ? { name: nameOf(query) } : {}),
    ...extended,
    rowMode: "array",
    types: output.rawText ? rawText : types,
  })
  const fields = result.fields.map((field) => ({ ...field }))
  return {
    fields,
    command: result.command,
    rowCount: result.rowCount,
    rows: output.arrayMode
      ? result.rows
      : result.rows.map((row) =>
          Object.fromEntries(row.map((value, at) => [fields[at]?.name, value])),
        ),
    rowAsArray: output.arrayMode,
  }
}

// Shorter statements are parsed and planned as fast as they are found.
const keptLengthMin = 300
const nameOf = (query: string) => createHash("sha256").update(query).digest("base64url")

// As Neon does: one command per query, even without parameters, where pg would send a script. (Its
// types lack this.)
const extended = { queryMode: "extended" }

const rawText: CustomTypesConfig = { getTypeParser: () => (value: unknown) => value }

const isolationLevels: Record<string, string> = {
  ReadUncommitted: "read uncommitted",
  ReadCommitted: "read committed",
  RepeatableRead: "repeatable read",
  Serializable: "serializable",
}

function begin(request: IncomingMessage): string {
  const asked = header(request, "neon-batch-isolation-level")
  const level = asked === undefined ? undefined : isolationLevels[asked]
  if (asked !== undefined && level === undefined) throw new RefusedError("unknown isolation level")
  const words = ["begin"]
  if (level !== undefined) words.push(`isolation level ${level}`)
  if (header(request, "neon-batch-read-only") === "true") words.push("read only")
  if (header(request, "neon-batch-deferrable") === "true") words.push("deferrable")
  return words.join(" ")
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === "string" ? value : undefined
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    const bytes: Buffer = chunk
    size += bytes.length
    // Bytes over the bound are read and dropped: answering while the caller sends would look like a
    // broken connection.
    if (size <= bodyBytesMax) chunks.push(bytes)
    else chunks.length = 0
  }
  if (size > bodyBytesMax)
    throw new TooLargeError(`request is too large (max is ${bodyBytesMax} bytes)`)
  return Buffer.concat(chunks).toString("utf8")
}

const errorFields = [
  "severity",
  "code",
  "detail",
  "hint",
  "position",
  "internalPosition",
  "internalQuery",
  "where",
  "schema",
  "table",
  "column",
  "dataType",
  "constraint",
  "file",
  "line",
  "routine",
] as const

function sendError(response: ServerResponse, error: unknown): void {
  if (error instanceof DatabaseError) {
    const fields = errorFields.map((field) => [field, error[field] ?? null])
    sendJson(response, 400, { message: error.message, ...Object.fromEntries(fields) })
  } else if (error instanceof TooLargeError) sendJson(response, 413, { message: error.message })
  else if (error instanceof UnreachableError) sendJson(response, 503, { message: error.message })
  else if (error instanceof RefusedError)
    sendJson(response, 400, { message: error.message, code: null })
  else sendJson(response, 400, { message: "the request is not understood", code: null })
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
}
