// A user as a row and as JSON.
import { z } from "@hono/zod-openapi"
import { sql, type SQL } from "drizzle-orm"
import { slimSiteRole } from "../../access/role-names.ts"
import type { RowOf } from "../../platform/db/row.ts"
import type { users } from "../../platform/db/schema/identity.ts"
import { timeSchema, uuidSchema, wireTime, zeroTime } from "../../platform/http/wire.ts"

export const slimRoleSchema = z
  .object({ name: z.string(), display_name: z.string(), organization_id: uuidSchema.optional() })
  .openapi("SlimRole")

export const userStatusSchema = z.enum(["active", "dormant", "suspended"])

export const userSchema = z
  .object({
    id: uuidSchema,
    username: z.string().openapi({ example: "ada" }),
    name: z.string().optional(),
    avatar_url: z.string().optional(),
    email: z.string().openapi({ example: "ada@example.com" }),
    created_at: timeSchema,
    updated_at: timeSchema,
    last_seen_at: timeSchema,
    status: userStatusSchema,
    login_type: z.string().openapi({ example: "password" }),
    is_service_account: z.boolean().optional(),
    organization_ids: z.array(uuidSchema),
    roles: z.array(slimRoleSchema),
    has_ai_seat: z.boolean(),
  })
  .openapi("User")

export type UserRow = Pick<
  RowOf<typeof users>,
  | "id"
  | "username"
  | "name"
  | "avatar_url"
  | "email"
  | "created_at"
  | "updated_at"
  | "last_seen_at"
  | "status"
  | "login_type"
  | "is_service_account"
  | "site_roles"
> & { organization_ids: string[] }

/** The columns of `UserRow` over a relation with the columns of `users`, named `u`. */
export const userColumns: SQL = sql`u.id, u.username, u.name, u.avatar_url, u.email, u.created_at,
  u.updated_at, u.last_seen_at,
  u.status, u.login_type, u.is_service_account, u.site_roles,
  coalesce((select array_agg(m.organization_id order by m.created_at, m.organization_id)
  from organization_members m
    join organizations o on o.id = m.organization_id and not o.deleted
    where m.user_id = u.id), '{}') as organization_ids`

export function toUserView(row: UserRow): z.input<typeof userSchema> {
  return {
    id: row.id,
    username: row.username,
    ...(row.name === "" ? {} : { name: row.name }),
    ...(row.avatar_url === "" ? {} : { avatar_url: row.avatar_url }),
    email: row.email,
    created_at: wireTime(row.created_at),
    updated_at: wireTime(row.updated_at),
    last_seen_at: row.last_seen_at === null ? zeroTime : wireTime(row.last_seen_at),
    status: row.status,
    login_type: row.login_type,
    ...(row.is_service_account ? { is_service_account: true } : {}),
    organization_ids: row.organization_ids,
    roles: row.site_roles.map(slimSiteRole),
    has_ai_seat: false,
  }
}
