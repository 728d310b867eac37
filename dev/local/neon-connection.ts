// A connection of the local Neon endpoint: taken from its pool, used, canceled, given back.
import type { ServerResponse } from "node:http"
import { Client, DatabaseError, type Pool, type PoolClient } from "pg"

export class RefusedError extends Error {}
export class UnreachableError extends Error {}

export async function connect(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect()
  } catch (error) {
    // An answer of the server ("no such database", "too many clients") is a database error.
    // Anything else means that it cannot be reached.
    if (error instanceof DatabaseError) throw error
    throw new UnreachableError("could not connect to the database")
  }
}

export async function withClient<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
  let broken = false
  // A connection that dies while in use reports it here, beside the failing query.
  const note = () => {
    broken = true
  }
  client.on("error", note)
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof DatabaseError)) {
      broken = true
      throw error instanceof RefusedError
        ? error
        : new UnreachableError("the connection to the database was lost")
    }
    if (error.severity === "FATAL" || error.severity === "PANIC") broken = true
    throw error
  } finally {
    client.off("error", note)
    client.release(broken)
  }
}

/**
 * Cancels the work of a caller that has disconnected, so that nothing is done for it.
 *
 * The connection is released only after the cancellation has ended. Otherwise it could hit the
 * statement of the next caller.
 */
export async function whileHeard<T>(
  response: ServerResponse,
  client: PoolClient,
  work: () => Promise<T>,
): Promise<T> {
  let cancellation: Promise<void> | undefined
  const cancel = () => {
    cancellation = cancelBackend(client)
  }
  response.once("close", cancel)
  try {
    return await work()
  } finally {
    response.off("close", cancel)
    await cancellation
  }
}

/** Cancels what a connection runs, over a connection of its own. */
async function cancelBackend(running: PoolClient): Promise<void> {
  const { host, port, user, password, database } = running
  const canceler = new Client({ host, port, user, password, database })
  canceler.on("error", () => {})
  try {
    await canceler.connect()
    await canceler.query("select pg_cancel_backend($1)", [Reflect.get(running, "processID")])
  } catch {
    // Then the statement runs to its end.
  } finally {
    await canceler.end().catch(() => {})
  }
}
