// Named statements over Neon's HTTP driver: one statement or one batch per round trip.
//
// A batch is one transaction. Hyperdrive or another driver would replace this file alone.
import { neon } from "@neondatabase/serverless"
import type { SQL } from "drizzle-orm"
import { PgDialect } from "drizzle-orm/pg-core"
import { DatabaseMisconfigured, translateError } from "./errors.ts"
import { startTimeLimit } from "./time-limit.ts"
import { encodeValue, valueTypes } from "./values.ts"

/** A named query whose rows have the type `Row`. Logs and traces show the name, never the text. */
export type Statement<Row> = { readonly name: string; readonly sql: SQL; readonly row?: Row }

type RowsOf<S> = { [K in keyof S]: S[K] extends Statement<infer Row> ? Row[] : never }

export type Database = {
  /** Runs one statement in a transaction of its own. */
  all<Row>(statement: Statement<Row>): Promise<Row[]>
  /**
   * Runs the statements in order in one transaction and one round trip. The first failure undoes
   * them all.
   */
  batch<const S extends readonly Statement<unknown>[]>(statements: S): Promise<RowsOf<S>>
}

/** The cost of a round trip, for the wide event. `ms` is real: the clock moves during an await. */
export type DatabaseCall = { statement: string; ms: number; ok: boolean }

export type DatabaseOptions = {
  timeoutMs?: number
  onCall?: (call: DatabaseCall) => void
}

const timeoutMsDefault = 15_000
// After these codes the transaction has certainly not been committed, so it may run again as it is.
const rolledBack = new Set(["40001", "40P01", "53300"])
const triesMax = 3

const dialect = new PgDialect()

/** The name leads the text, so the server's log and its statistics of statements show it. */
const named = (name: string, text: string) => `/* ${name} */ ${text}`

export function statement<Row>(name: string, query: SQL): Statement<Row> {
  return { name, sql: query }
}

/** Opens the database of the Worker and of its Durable Objects. Throws `DatabaseMisconfigured`. */
export function openDatabase(env: { DATABASE_URL?: string }, options?: DatabaseOptions): Database {
  const database = parseDatabaseUrl(env.DATABASE_URL)
  if (!database.ok) throw new DatabaseMisconfigured(database.error)
  return connect(database.url, options)
}

/**
 * Opens the database behind `databaseUrl`, which `parseDatabaseUrl` has checked.
 *
 * Holds no connection, so one can be made per request. A statement throws `DatabaseUnavailable` or
 * `StatementFailed`, never the driver's own errors.
 */
export function connect(databaseUrl: string, options: DatabaseOptions = {}): Database {
  const client = neon(databaseUrl, { fullResults: true })
  const compile = ({ name, sql }: Statement<unknown>) => {
    const query = dialect.sqlToQuery(sql)
    const text = named(name, query.sql)
    return client.query(text, query.params.map(encodeValue), { types: valueTypes })
  }

  async function roundTrip<T>(name: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      const startedAt = performance.now()
      const report = (ok: boolean) =>
        options.onCall?.({ statement: name, ms: performance.now() - startedAt, ok })
      // `AbortSignal.timeout` would keep a Durable Object awake long after the answer.
      const limit = new AbortController()
      const cancel = startTimeLimit(options.timeoutMs ?? timeoutMsDefault, () => limit.abort())
      try {
        const result = await run(limit.signal)
        report(true)
        return result
      } catch (error) {
        report(false)
        const failure = translateError(name, error)
        const code = "code" in failure ? (failure.code ?? "") : ""
        if (tries >= triesMax || !rolledBack.has(code)) throw failure
        await new Promise((resolve) => setTimeout(resolve, tries * 20 * (1 + Math.random())))
      } finally {
        cancel()
      }
    }
  }

  const runBatch = async (name: string, statements: readonly Statement<unknown>[]) => {
    const queries = statements.map(compile)
    const results = await roundTrip(name, (signal) =>
      client.transaction(queries, {
        fullResults: true,
        types: valueTypes,
        fetchOptions: { signal },
      }),
    )
    return (results as unknown as { rows: unknown[] }[]).map((result) => result.rows)
  }

  return {
    async all<Row>(one: Statement<Row>) {
      const query = dialect.sqlToQuery(one.sql)
      const text = named(one.name, query.sql)
      const params = query.params.map(encodeValue)
      const result = await roundTrip(one.name, (signal) =>
        client.query(text, params, {
          fullResults: true,
          types: valueTypes,
          fetchOptions: { signal },
        }),
      )
      return (result as unknown as { rows: Row[] }).rows
    },
    async batch<const S extends readonly Statement<unknown>[]>(statements: S) {
      const name = statements.map((one) => one.name).join("+")
      return (await runBatch(name, statements)) as RowsOf<S>
    },
  }
}

/** Checks a database URL. Returns the URL, or a sentence that never repeats it. */
export function parseDatabaseUrl(
  text: string | undefined,
): { ok: true; url: string } | { ok: false; error: string } {
  if (text === undefined || text.trim() === "")
    return { ok: false, error: "DATABASE_URL is not set." }
  const url = URL.parse(text.trim())
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
    return {
      ok: false,
      error: "DATABASE_URL is not a PostgreSQL URL (postgres://user:password@host/database).",
    }
  }
  if (url.hostname === "" || url.username === "" || url.pathname.length < 2) {
    return { ok: false, error: "DATABASE_URL lacks a user, a host or a database name." }
  }
  return { ok: true, url: text.trim() }
}
