// An agent's metadata as its watchers see it (api.md 2.8).
import type { z } from "@hono/zod-openapi"
import { wireTime, zeroTime } from "../../platform/http/wire.ts"
import type { MetadataRow } from "../hub/statements.ts"
import type { metadataSchema } from "./metadata-schema.ts"

/** `now` gives the age. Null leaves it out of the comparison of what changed: age alone is no change. */
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

export function toLogView(row: {
  id: number
  created_at: Date
  output: string
  level: string
  source_id: string
}): { id: number; created_at: string; output: string; level: string; source_id: string } {
  return { ...row, created_at: wireTime(row.created_at) }
}
