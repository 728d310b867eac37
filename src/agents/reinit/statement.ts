// What the holder of an agent's token is to a claim of its workspace.
//
// This read does not authenticate. While the claim's build is active, the pool's token is good for
// this one question and for nothing else.
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { isStage } from "../../queue/prebuild-stage.ts"
import type { ReinitFacts } from "./rule.ts"

/** One row if an agent has this token, valid or not. If several builds do, the newest one's. */
export function readReinitFacts(hashedToken: Uint8Array): Statement<ReinitFacts> {
  const isClaim = isStage(sql`lj.input`, "claim")
  return statement(
    "agents.reinit-facts",
    sql`
    select a.id as agent_id, w.id as workspace_id, w.owner_id,
      agent_may_connect(a, b, j, w) or (not a.deleted and not w.deleted
        and b.initiator_id = prebuilds_user_id() and w.latest_build_number = b.build_number + 1
        and ${isClaim} and lj.job_status in ('pending', 'running', 'canceling')) as may_hold,
      w.owner_id = prebuilds_user_id() as is_prebuild,
      f.initiator_id = prebuilds_user_id() as began_in_pool,
      l.initiator_id = prebuilds_user_id() as is_latest_of_pool,
      ${isClaim} as is_latest_claim, lj.job_status as latest_status, lj.error as latest_error
    from workspace_agents a
    join workspace_builds b on b.id = a.build_id join provisioner_jobs j on j.id = b.job_id
    join workspaces w on w.id = b.workspace_id
    join workspace_builds l on l.id = w.latest_build_id
    join provisioner_jobs lj on lj.id = l.job_id
    join workspace_builds f on f.workspace_id = w.id and f.build_number = 1
    where a.hashed_token = ${hashedToken}::bytea order by b.build_number desc limit 1`,
  )
}
