// Whether a caller may mark workspaces as used, and what the tracker needs to know of them.
import { sql } from "drizzle-orm"
import { may } from "../access/may.ts"
import { statement, type Statement } from "../platform/db/client.ts"
import { uuids } from "../platform/db/sql.ts"
import { factsJson } from "./facts-json.ts"
import type { UsageFacts } from "./tracker/mark.ts"

export type UsagePermission = { id: string; can_update: boolean; facts: UsageFacts }

/** Returns a row per workspace that the caller may read and that is not deleted. */
export function usagePermission(workspaceIds: readonly string[]): Statement<UsagePermission> {
  const columns = { id: sql`w.id`, owner: sql`w.owner_id`, organization: sql`w.organization_id` }
  return statement(
    "usage.permission",
    sql`
    select w.id, ${may("update", "workspace", columns)} as can_update, ${factsJson} as facts
    from workspaces w join templates t on t.id = w.template_id
    where w.id = any (${uuids(workspaceIds)}) and not w.deleted
      and ${may("read", "workspace", columns)}`,
  )
}
