// An agent's metadata as server-sent events: at once, on change, at least each five seconds, and a ping each fifteen.
import type { Context } from "hono"
import { connect, parseDatabaseUrl } from "../db/client.ts"
import type { AppEnv } from "../http/env.ts"
import { eventStream } from "../http/event-stream.ts"
import { wireJson } from "../http/json.ts"
import { readMetadata, type MetadataRow } from "./hub-statements.ts"
import { toMetadataView } from "./metadata-view.ts"

const pollMs = 5_000
const pingEvery = 3
/** A client connects again; nothing is lost. */
const pollsMax = 720

export function metadataEvents(c: Context<AppEnv>, agentId: string, first: readonly MetadataRow[]): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const encoder = new TextEncoder()
  const write = (text: string) => writer.write(encoder.encode(text))
  const frame = (rows: readonly MetadataRow[], at: Date) =>
    `event: data\ndata: ${wireJson(rows.map((row) => toMetadataView(row, at))).trimEnd()}\n\n`
  const startedAtMs = c.get("now").getTime()
  const stream = async () => {
    try {
      const database = parseDatabaseUrl(c.env.DATABASE_URL)
      if (!database.ok) return
      const db = connect(database.url)
      await write(frame(first, c.get("now")))
      for (let poll = 1; poll <= pollsMax; poll++) {
        await scheduler.wait(pollMs)
        if (poll % pingEvery === 0) await write("event: ping\n\n")
        await write(frame(await db.all(readMetadata(agentId)), new Date(startedAtMs + poll * pollMs)))
      }
    } catch {
      // The reader went away, or the database did: the client connects again.
    } finally {
      await writer.close().catch(() => {})
    }
  }
  c.executionCtx.waitUntil(stream())
  return eventStream(readable)
}
