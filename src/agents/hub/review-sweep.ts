// The review of agents' sockets each minute: repairs a lost hint about a build.
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { publishBuildChange } from "../../platform/durable/publish.ts"
import type { Sweep } from "../../sweeps.ts"

/** A build that was requested or has ended this long ago is reviewed again, by several ticks. */
const recentMs = 5 * 60_000
const hubsMax = 500

/**
 * Finds workspaces whose agents hold a socket although they may no longer connect.
 *
 * Only a build takes that right away, so the statement begins at recent jobs, by
 * `provisioner_jobs_created` and `provisioner_jobs_completed`. It reaches deleted agents over their
 * resource, since the agents' own indexes leave those out.
 */
function findStrays(now: Date): Statement<{ workspace_id: string }> {
  const since = new Date(now.getTime() - recentMs)
  return statement(
    "agents.find-strays",
    sql`
    with recent as (
      select id from provisioner_jobs where created_at > ${since}::timestamptz
      union select id from provisioner_jobs where completed_at > ${since}::timestamptz
    )
    select distinct w.id as workspace_id
    from recent
    join workspace_builds changed on changed.job_id = recent.id
    join workspaces w on w.id = changed.workspace_id
    join workspace_builds b on b.workspace_id = w.id and b.build_number > changed.build_number - 3
    join provisioner_jobs j on j.id = b.job_id
    join workspace_resources r on r.job_id = j.id
    join workspace_agents a on a.resource_id = r.id and a.socket_open
    where not agent_may_connect(a, b, j, w)
    limit ${hubsMax}`,
  )
}

export const agentReviewSweep: Sweep = {
  name: "agents",
  async run({ env, db, now, waitUntil }) {
    const strays = await db.all(findStrays(now))
    for (const { workspace_id } of strays) waitUntil(publishBuildChange(env, workspace_id))
    return { reviewed: strays.length }
  },
}
