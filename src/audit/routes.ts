// The audit trail over HTTP.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { isAllowed, roleHolderOf } from "../access/is-allowed.ts"
import { may } from "../access/may.ts"
import { slimSiteRole } from "../access/role-names.ts"
import type { RowOf } from "../platform/db/row.ts"
import type { auditLogs, users } from "../platform/db/schema/identity.ts"
import { statement } from "../platform/db/client.ts"
import { forbidden } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import {
  errors,
  jsonBody,
  pageQuery,
  timeSchema,
  uuidSchema,
  nilUuid,
  wireTime,
  zeroTime,
} from "../platform/http/wire.ts"
import { describeAudit } from "./description.ts"
import { auditConditions } from "./search.ts"

const limitDefault = 100
const limitMax = 10_000
const countMax = 2_000

export const auditUserSchema = z.object({
  id: uuidSchema,
  username: z.string(),
  name: z.string().optional(),
  avatar_url: z.string().optional(),
  email: z.string(),
  created_at: timeSchema,
  updated_at: timeSchema,
  last_seen_at: timeSchema,
  status: z.string(),
  login_type: z.string(),
  organization_ids: z.array(uuidSchema),
  roles: z.array(z.object({ name: z.string(), display_name: z.string() })),
  has_ai_seat: z.boolean(),
})

const auditLogSchema = z
  .object({
    id: uuidSchema,
    request_id: z.string(),
    time: timeSchema,
    ip: z.string(),
    user_agent: z.string(),
    resource_type: z.string(),
    resource_id: uuidSchema,
    resource_target: z.string(),
    resource_icon: z.string(),
    action: z.string(),
    diff: z.record(z.string(), z.object({ old: z.any(), new: z.any(), secret: z.boolean() })),
    status_code: z.int(),
    additional_fields: z.record(z.string(), z.any()),
    description: z.string(),
    resource_link: z.string(),
    is_deleted: z.boolean(),
    organization_id: uuidSchema,
    organization: z
      .object({ id: uuidSchema, name: z.string(), display_name: z.string(), icon: z.string() })
      .optional(),
    user: auditUserSchema.nullable(),
  })
  .openapi("AuditLog")

const listRoute = createRoute({
  method: "get",
  path: "/audit",
  tags: ["Audit"],
  summary: "List what was done, newest first",
  request: {
    query: pageQuery.extend({
      q: z
        .string()
        .max(8_192)
        .default("")
        .openapi({ example: "resource_type:workspace action:delete" }),
    }),
  },
  responses: {
    200: jsonBody(
      z
        .object({ audit_logs: z.array(auditLogSchema), count: z.int(), count_cap: z.int() })
        .openapi("AuditLogResponse"),
      "A page of the trail; `count` stops at one more than `count_cap`.",
    ),
    ...errors(400, 401, 403, 429, 503),
  },
})

/** A user in a jsonb object, where instants are texts. */
export type AuditUser = Pick<
  RowOf<typeof users>,
  "id" | "username" | "name" | "avatar_url" | "email" | "status" | "login_type" | "site_roles"
> & { created_at: string; updated_at: string; last_seen_at: string | null }

type AuditPageRow = Omit<RowOf<typeof auditLogs>, "diff" | "additional_fields"> & {
  diff: Record<string, { old: unknown; new: unknown; secret: boolean }>
  additional_fields: Record<string, unknown>
  organization: { id: string; name: string; display_name: string; icon: string } | null
  audited_user: AuditUser | null
  organization_ids: string[]
  is_deleted: boolean
  owner_name: string | null
}

/** Uses the index on time. Only readers of the whole trail see rows without an organization. */
function listAudit(query: { q: string; limit: number; offset: number }) {
  const found = sql.join(
    [
      may("read", "audit_log", { organization: sql`a.organization_id` }),
      ...auditConditions(query.q),
    ],
    sql` and `,
  )
  const limit = Math.min(query.limit === 0 ? limitDefault : query.limit, limitMax)
  return [
    statement<AuditPageRow>(
      "audit.page",
      sql`select a.id, a.request_id, a.time, a.ip, a.user_agent, a.resource_type, a.resource_id,
          a.resource_target,
          a.resource_icon, a.action, a.diff, a.status_code, a.additional_fields, a.organization_id,
          case when o.id is not null then jsonb_build_object('id', o.id, 'name', o.name,
            'display_name', o.display_name,
            'icon', o.icon) end as organization,
          case when u.id is not null then to_jsonb(u) - 'hashed_password' end as audited_user,
          coalesce((select array_agg(m.organization_id) from organization_members m
            where m.user_id = u.id), '{}')
            as organization_ids,
          case a.resource_type
            when 'workspace' then coalesce((select w.deleted from workspaces w
              where w.id = a.resource_id), true)
            when 'template' then coalesce((select t.deleted from templates t
              where t.id = a.resource_id), true)
            when 'user' then coalesce((select d.deleted from users d
              where d.id = a.resource_id), true)
            else false end as is_deleted,
          (select w.owner_name from workspaces w where w.id = a.resource_id
            and a.resource_type = 'workspace') as owner_name
        from (select * from audit_logs a where ${found} order by a.time desc nulls last, a.id
          limit ${limit}::bigint offset ${query.offset}::bigint) a
        left join users u on u.id = a.user_id
        left join organizations o on o.id = a.organization_id
        order by a.time desc nulls last, a.id`,
    ),
    statement<{ count: number }>(
      "audit.count",
      sql`select count(*)::int as count
        from (select 1 from audit_logs a where ${found} limit ${countMax + 1}::bigint) counted`,
    ),
  ] as const
}

function linkTo(row: AuditPageRow): string {
  switch (row.resource_type) {
    case "template":
      return `/templates/${row.resource_target}`
    case "user":
      return `/users?filter=${row.resource_target}`
    case "workspace":
      return row.owner_name === null ? "" : `/@${row.owner_name}/${row.resource_target}`
    case "workspace_build": {
      const {
        workspace_name: name,
        workspace_owner: owner,
        build_number: number,
      } = row.additional_fields
      if (typeof name !== "string" || typeof owner !== "string") return ""
      return `/@${owner}/${name}/builds/${String(number)}`
    }
    default:
      return ""
  }
}

export function toUser(
  user: AuditUser,
  organizationIds: string[],
): z.input<typeof auditUserSchema> {
  return {
    id: user.id,
    username: user.username,
    ...(user.name === "" ? {} : { name: user.name }),
    ...(user.avatar_url === "" ? {} : { avatar_url: user.avatar_url }),
    email: user.email,
    created_at: wireTime(new Date(user.created_at)),
    updated_at: wireTime(new Date(user.updated_at)),
    last_seen_at: user.last_seen_at === null ? zeroTime : wireTime(new Date(user.last_seen_at)),
    status: user.status,
    login_type: user.login_type,
    organization_ids: organizationIds,
    roles: user.site_roles.map(slimSiteRole),
    has_ai_seat: false,
  }
}

function toAuditView(row: AuditPageRow): z.input<typeof auditLogSchema> {
  return {
    id: row.id,
    request_id: row.request_id,
    time: wireTime(row.time),
    ip: row.ip,
    user_agent: row.user_agent,
    resource_type: row.resource_type,
    resource_id: row.resource_id,
    resource_target: row.resource_target,
    resource_icon: row.resource_icon,
    action: row.action,
    diff: row.diff,
    status_code: row.status_code,
    additional_fields: row.additional_fields,
    description: describeAudit(row.action, row.resource_type, row.status_code),
    resource_link: row.is_deleted ? "" : linkTo(row),
    is_deleted: row.is_deleted,
    organization_id: row.organization_id ?? nilUuid,
    ...(row.organization === null ? {} : { organization: row.organization }),
    user: row.audited_user === null ? null : toUser(row.audited_user, row.organization_ids),
  }
}

export const auditRoutes = createRouter().openapi(listRoute, async (c) => {
  const caller = c.get("caller")
  const [rows, [total]] = await caller.batch(listAudit(c.req.valid("query")))
  const who = roleHolderOf(await caller.actor())
  const canRead = [undefined, ...Object.keys(who.organizations)].some((organization) =>
    isAllowed(who, "read", "audit_log", { organization }),
  )
  if (!canRead) throw forbidden()
  return c.json(
    { audit_logs: rows.map(toAuditView), count: total?.count ?? 0, count_cap: countMax },
    200,
  )
})
