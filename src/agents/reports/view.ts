// An agent's metadata and log lines on the wire: for its manifest, its watchers and its workspace.
import { z } from "@hono/zod-openapi"
import { timeSchema, wireTime, zeroTime } from "../../platform/http/wire.ts"
import type { LogRow } from "./log-statements.ts"
import type { MetadataRow } from "./statements.ts"

export const metadataDescriptionSchema = z
  .object({
    display_name: z.string(),
    key: z.string(),
    script: z.string(),
    interval: z.int().openapi({ description: "seconds" }),
    timeout: z.int().openapi({ description: "seconds" }),
  })
  .openapi("WorkspaceAgentMetadataDescription")
export type MetadataDescription = z.infer<typeof metadataDescriptionSchema>

export const metadataSchema = z
  .object({
    result: z.object({
      collected_at: z.string(),
      age: z.int(),
      value: z.string(),
      error: z.string(),
    }),
    description: metadataDescriptionSchema,
  })
  .openapi("WorkspaceAgentMetadata")

/** A null `now` leaves the age out, for a comparison: a greater age alone is not a change. */
export function toMetadataView(row: MetadataRow, now: Date | null): z.infer<typeof metadataSchema> {
  const ageMs =
    row.collected_at === null || now === null ? 0 : now.getTime() - row.collected_at.getTime()
  return {
    result: {
      collected_at: row.collected_at === null ? zeroTime : wireTime(row.collected_at),
      age: Math.max(0, Math.floor(ageMs / 1_000)),
      value: row.value,
      error: row.error,
    },
    description: {
      display_name: row.display_name,
      key: row.key,
      script: row.script,
      interval: row.interval_seconds,
      timeout: row.timeout_seconds,
    },
  }
}

export const logSchema = z
  .object({
    id: z.int(),
    created_at: timeSchema,
    output: z.string(),
    level: z.string(),
    source_id: z.uuid(),
  })
  .openapi("WorkspaceAgentLog")

export function toLogView(row: LogRow): z.infer<typeof logSchema> {
  return { ...row, created_at: wireTime(row.created_at) }
}

export function toLogText(rows: readonly LogRow[]): string {
  return rows.map((row) => `${wireTime(row.created_at)} [${row.level}] ${row.output}\n`).join("")
}

// The cursor of a follower: the last line it has. The mark says that it has received no frame yet.
// Its first frame is sent even if empty, so that it knows that nothing older is missing.
const freshMark = "fresh:"

export const followFrom = (after: number): string => `${freshMark}${after}`

export const isFresh = (cursor: string | null): boolean => cursor?.startsWith(freshMark) ?? true

export const lastLineOf = (cursor: string | null): number =>
  Number((cursor ?? "0").replace(freshMark, ""))
