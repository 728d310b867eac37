// Connections to the database of DATABASE_URL, with errors that do not repeat its password.
import { Client, DatabaseError } from "pg"

const connectMsMax = 15_000

export async function openClient(databaseUrl: string): Promise<Client> {
  const client = new Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: connectMsMax,
  })
  client.on("error", () => {})
  try {
    await client.connect()
    return client
  } catch (error) {
    throw new Error(whyNoConnection(error), { cause: error })
  }
}

function whyNoConnection(error: unknown): string {
  // A name with several addresses fails with an error for each.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const code = first instanceof Error && "code" in first ? String(first.code) : "no answer in time"
  if (code === "28P01" || code === "28000")
    return "The server of DATABASE_URL refuses its user or password."
  if (code === "3D000") return "The database that DATABASE_URL names does not exist on its server."
  if (first instanceof DatabaseError)
    return `The server of DATABASE_URL refuses the connection (${code}).`
  return `The server of DATABASE_URL cannot be reached (${code}).`
}
