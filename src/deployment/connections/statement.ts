// The connections of people to applications and ports of workspaces, newest first.
import { sql } from "drizzle-orm"
import { may } from "../../access/may.ts"
import type { AuditUser } from "../../audit/routes.ts"
import { statement } from "../../platform/db/client.ts"
import { connectionConditions, isPort } from "./search.ts"

export type ConnectionRow = {
  session_id: string
  connected_at: Date
  slug_or_port: string
  is_port: boolean
  agent_name: string
  workspace_id: string
  workspace_name: string
  owner_id: string
  owner_name: string
  organization: { id: string; name: string; display_name: string; icon: string }
  connected_user: AuditUser | null
  organization_ids: string[]
}

export const countMax = 2_000
const limitDefault = 100
const limitMax = 1_000

/** By the index on the start of a session. Reads only organizations whose trail is open. */
export function listConnections(query: { q: string; limit: number; offset: number }) {
  const found = sql`
    workspace_app_stats s
    join workspaces w on w.id = s.workspace_id
    join organizations o on o.id = w.organization_id
    left join users u on u.id = s.user_id
    where ${sql.join(
      [
        may("read", "audit_log", { organization: sql`w.organization_id` }),
        ...connectionConditions(query.q),
      ],
      sql` and `,
    )}`
  const limit = Math.min(query.limit === 0 ? limitDefault : query.limit, limitMax)
  return [
    statement<ConnectionRow>(
      "connections.page",
      sql`
      select s.session_id, s.session_started_at as connected_at, s.slug_or_port,
        ${isPort} as is_port,
        coalesce((select a.name from workspace_agents a where a.id = s.agent_id), '') as agent_name,
        w.id as workspace_id, w.name as workspace_name, w.owner_id, w.owner_name,
        jsonb_build_object('id', o.id, 'name', o.name, 'display_name', o.display_name,
          'icon', o.icon) as organization,
        case when u.id is not null then to_jsonb(u) - 'hashed_password' end as connected_user,
        coalesce(
          (select array_agg(m.organization_id) from organization_members m where m.user_id = u.id),
          '{}') as organization_ids
      from ${found}
      order by s.session_started_at desc, s.id desc
      limit ${limit}::bigint offset ${query.offset}::bigint`,
    ),
    statement<{ count: number }>(
      "connections.count",
      sql`
      select count(*)::int as count
      from (select 1 from ${found} limit ${countMax + 1}::bigint) counted`,
    ),
  ] as const
}
