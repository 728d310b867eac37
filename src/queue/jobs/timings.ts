// How long a job's stages took, as its daemon measured them.
//
// Entries that end before they start, or that are far from now, are skipped.
import type { z } from "@hono/zod-openapi"
import { type SQL, sql } from "drizzle-orm"
import { json } from "../../platform/db/sql.ts"
import type { timing } from "./protocol.ts"
import { isPlausible } from "./log-lines.ts"
import { withoutNul } from "../../platform/db/without-nul.ts"

export type Timing = z.infer<typeof timing>

const isSound = ({ started_at, ended_at }: Timing, now: Date) =>
  Date.parse(ended_at) >= Date.parse(started_at) &&
  isPlausible(new Date(started_at), now) &&
  isPlausible(new Date(ended_at), now)

/** The CTE `timed`, over the CTE `ended` (id). */
export function timingInsert(timings: readonly Timing[], now: Date): SQL {
  const rows = timings
    .filter((row) => isSound(row, now))
    .map((row) =>
      Object.assign(withoutNul(row), {
        started_at: new Date(row.started_at).toISOString(),
        ended_at: new Date(row.ended_at).toISOString(),
      }),
    )
  return sql`timed as (
    insert into provisioner_job_timings (job_id, started_at, ended_at, stage, source, action,
      resource)
    select e.id, t.started_at, t.ended_at, t.stage, t.source, t.action, t.resource
    from ended e, jsonb_to_recordset(${json(rows)})
      as t(started_at timestamptz, ended_at timestamptz, stage text, source text, action text,
        resource text)
  )`
}
