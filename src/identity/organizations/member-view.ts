// A member of an organization as a row and as JSON.
import { z } from "@hono/zod-openapi"
import { sql, type SQL } from "drizzle-orm"
import { slimOrganizationRole, slimSiteRole } from "../../access/role-names.ts"
import type { RowOf } from "../../platform/db/row.ts"
import type { organizationMembers } from "../../platform/db/schema/identity.ts"
import { timeSchema, uuidSchema, wireTime, zeroTime } from "../../platform/http/wire.ts"
import { slimRoleSchema, userStatusSchema, type UserRow } from "../users/view.ts"

export const memberSchema = z
  .object({
    user_id: uuidSchema,
    organization_id: uuidSchema,
    created_at: timeSchema,
    updated_at: timeSchema,
    roles: z.array(slimRoleSchema),
  })
  .openapi("OrganizationMember")

export const memberWithUserSchema = memberSchema
  .extend({
    username: z.string(),
    name: z.string().optional(),
    avatar_url: z.string().optional(),
    email: z.string(),
    status: userStatusSchema,
    login_type: z.string(),
    last_seen_at: timeSchema,
    user_created_at: timeSchema,
    user_updated_at: timeSchema,
    is_service_account: z.boolean().optional(),
    global_roles: z.array(slimRoleSchema),
    has_ai_seat: z.boolean(),
  })
  .openapi("OrganizationMemberWithUserData")

export type MemberRow = RowOf<typeof organizationMembers> &
  Omit<UserRow, "id" | "created_at" | "updated_at" | "organization_ids"> & {
    user_created_at: Date
    user_updated_at: Date
  }

/** The columns of `MemberRow` over `organization_members m` and `users u`. */
export const memberColumns: SQL = sql`m.user_id, m.organization_id, m.created_at, m.updated_at,
  m.roles, u.username, u.name,
  u.avatar_url, u.email, u.status, u.login_type, u.last_seen_at, u.created_at as user_created_at,
    u.updated_at as user_updated_at,
  u.is_service_account, u.site_roles`

export function toMemberView(
  row: Pick<MemberRow, "user_id" | "organization_id" | "created_at" | "updated_at" | "roles">,
): z.input<typeof memberSchema> {
  return {
    user_id: row.user_id,
    organization_id: row.organization_id,
    created_at: wireTime(row.created_at),
    updated_at: wireTime(row.updated_at),
    roles: row.roles.map((role) => slimOrganizationRole(role, row.organization_id)),
  }
}

export function toMemberWithUserView(row: MemberRow): z.input<typeof memberWithUserSchema> {
  return {
    ...toMemberView(row),
    username: row.username,
    ...(row.name === "" ? {} : { name: row.name }),
    ...(row.avatar_url === "" ? {} : { avatar_url: row.avatar_url }),
    email: row.email,
    status: row.status,
    login_type: row.login_type,
    last_seen_at: row.last_seen_at === null ? zeroTime : wireTime(row.last_seen_at),
    user_created_at: wireTime(row.user_created_at),
    user_updated_at: wireTime(row.user_updated_at),
    ...(row.is_service_account ? { is_service_account: true } : {}),
    global_roles: row.site_roles.map(slimSiteRole),
    has_ai_seat: false,
  }
}
