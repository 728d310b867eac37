// Inserts rows straight into the file's database, for the factories.
import { env } from "cloudflare:workers"
import { neon } from "@neondatabase/serverless"
import { query } from "./harness.ts"

export type Row = Record<string, unknown>

/** One write to the file's database, to be sent with others. */
export type Write = { text: string; params: unknown[] }

/**
 * The insert of one row. Columns are snake_case as in the schema, and undefined leaves the default.
 * A plain object becomes JSON and a list a PostgreSQL array. Pass a list for a jsonb column as JSON
 * text.
 */
export function inserting(table: string, values: Row): Write {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  const columns = entries.map(([name]) => `"${name}"`).join(", ")
  const places = entries.map((_, at) => `$${at + 1}`).join(", ")
  return {
    text: `insert into ${table} (${columns}) values (${places}) returning *`,
    params: entries.map(([, value]) =>
      value instanceof Uint8Array ? `\\x${toHex(value)}` : value,
    ),
  }
}

let gathered: Write[] | null = null

/**
 * Runs writes in order, as one transaction in one round trip: most of a test's preparation is this.
 * Within `together` they wait for the others.
 */
export async function writeAll(...writes: Write[]): Promise<void> {
  if (gathered !== null) {
    gathered.push(...writes)
    return
  }
  const driver = neon(env.DATABASE_URL)
  await driver.transaction(writes.map(({ text, params }) => driver.query(text, params)))
}

/**
 * Creates things in one round trip. What factories write within it is written at its end, so
 * nothing in it may read what it creates. One at a time; a nested call is part of the outer one.
 *
 * @example const [one, other] = await together(async () => [await givenUser(), await givenUser()])
 */
export async function together<Made>(make: () => Promise<Made>): Promise<Made> {
  if (gathered !== null) return make()
  const writes: Write[] = []
  gathered = writes
  let made: Made
  try {
    made = await make()
  } finally {
    gathered = null
  }
  if (writes.length > 0) await writeAll(...writes)
  return made
}

/** Inserts one row and returns all its columns. */
// oxlint-disable-next-line typescript/no-explicit-any -- a row is as its table is
export async function insertRow(table: string, values: Row): Promise<any> {
  const { text, params } = inserting(table, values)
  const [row] = await query(text, params)
  return row
}

export async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)))
}

/** Letters and digits that no other call returned. */
export function unique(length: number): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, length)
}

function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")
}
