// What a ping needs to know of its workspace, as JSON.
import { sql, type SQL } from "drizzle-orm"

/** Over the aliases `w` (workspaces) and `t` (templates). */
export const factsJson: SQL = sql`json_build_object(
  'ownerId', w.owner_id, 'templateId', w.template_id,
  'isPrebuild', w.owner_id = prebuilds_user_id(),
  'autostartSchedule', w.autostart_schedule, 'autostartDays', t.autostart_days,
  'agentIds', (
    select coalesce(json_agg(a.id order by a.id), '[]') from workspace_agents a
    where a.workspace_id = w.id and not a.deleted))`
