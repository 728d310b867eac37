/** The status column of presets: a note for people; a hard limit is computed anew each cycle and never read from it. */
import { sql } from "drizzle-orm"
import { type Statement, statement } from "../platform/db/client.ts"
import { json } from "../platform/db/sql.ts"
import type { PrebuildStatus } from "./read-pools.ts"

export type StatusChange = { preset_id: string; prebuild_status: PrebuildStatus }

/** Writes each status that differs; repeating it changes nothing. A new version's presets start healthy again. */
export function setPoolStatuses(
  changes: readonly StatusChange[],
): Statement<{ preset_id: string }> {
  return statement(
    "prebuilds.statuses",
    sql`
    update template_version_presets p set prebuild_status = c.prebuild_status
    from jsonb_to_recordset(${json(changes)}) as c(preset_id uuid, prebuild_status text)
    where p.id = c.preset_id and p.prebuild_status <> c.prebuild_status
    returning p.id as preset_id`,
  )
}
