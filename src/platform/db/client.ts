// The one door to PostgreSQL: named statements over Neon's HTTP driver, a statement or a batch a round trip. A batch is one
// transaction. Hyperdrive or another driver would replace this file alone.
import { neon } from "@neondatabase/serverless"
import type { SQL } from "drizzle-orm"
import { PgDialect } from "drizzle-orm/pg-core"
import { translateError } from "./errors.ts"
import { encodeValue, valueTypes } from "./values.ts"

/** A named query whose rows have the type `Row`. The name is what logs and traces show; the text never is. */
export type Statement<Row> = { readonly name: string; readonly sql: SQL; readonly row?: Row }

type RowsOf<S> = { [K in keyof S]: S[K] extends Statement<infer Row> ? Row[] : never }

export type Database = {
  /** Runs one statement in a transaction of its own. */
  all<Row>(statement: Statement<Row>): Promise<Row[]>
  /** Runs the statements in order in one transaction and one round trip; the first failure undoes them all. */
  batch<const S extends readonly Statement<unknown>[]>(statements: S): Promise<RowsOf<S>>
}

/** What one round trip cost, for the wide event. `ms` is honest: the clock moves while the answer is awaited. */
export type DatabaseCall = { statement: string; ms: number; ok: boolean }

export type DatabaseOptions = {
  timeoutMs?: number
  onCall?: (call: DatabaseCall) => void
}

const timeoutMsDefault = 15_000
// Codes after which the transaction has certainly not been committed: it may run again as it is.
const rolledBack = new Set(["40001", "40P01", "53300"])
const triesMax = 3

const dialect = new PgDialect()

export function statement<Row>(name: string, query: SQL): Statement<Row> {
  return { name, sql: query }
}

/**
 * Opens the database behind `databaseUrl` (validated by `parseDatabaseUrl`). Holds no connection: safe to make per request.
 * Throws `DatabaseUnavailable` and `StatementFailed`, never the driver's own errors.
 */
export function connect(databaseUrl: string, options: DatabaseOptions = {}): Database {
  const client = neon(databaseUrl, { fullResults: true })
  const compile = ({ sql }: Statement<unknown>) => {
    const query = dialect.sqlToQuery(sql)
    return client.query(query.sql, query.params.map(encodeValue), { types: valueTypes })
  }

  async function roundTrip<T>(name: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      const startedAt = performance.now()
      const report = (ok: boolean) =>
        options.onCall?.({ statement: name, ms: performance.now() - startedAt, ok })
      // A signal that times out by itself would keep a Durable Object awake long after the answer has come.
      const limit = new AbortController()
      const timer = setTimeout(() => limit.abort(), options.timeoutMs ?? timeoutMsDefault)
      try {
        const result = await run(limit.signal)
        report(true)
        return result
      } catch (error) {
        report(false)
        const failure = translateError(name, error)
        if (tries >= triesMax || !rolledBack.has(failure.code ?? "")) throw failure
        await new Promise((resolve) => setTimeout(resolve, tries * 20 * (1 + Math.random())))
      } finally {
        clearTimeout(timer)
      }
    }
  }

  const runBatch = async (name: string, statements: readonly Statement<unknown>[]) => {
    const results = await roundTrip(name, (signal) =>
      client.transaction(statements.map(compile), {
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
      const result = await roundTrip(one.name, (signal) =>
        client.query(query.sql, query.params.map(encodeValue), {
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

/** Checks a database URL without ever repeating it: the answer is the URL, or a sentence without it. */
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
