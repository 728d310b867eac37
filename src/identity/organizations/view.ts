// An organization as a row and as JSON.
import { z } from "@hono/zod-openapi"
import { sql, type SQL } from "drizzle-orm"
import type { RowOf } from "../../platform/db/row.ts"
import type { organizations } from "../../platform/db/schema/identity.ts"
import { timeSchema, uuidSchema, wireTime } from "../../platform/http/wire.ts"

export const organizationSchema = z
  .object({
    id: uuidSchema,
    name: z.string().openapi({ example: "default" }),
    display_name: z.string(),
    description: z.string(),
    icon: z.string(),
    created_at: timeSchema,
    updated_at: timeSchema,
    is_default: z.boolean(),
    default_org_member_roles: z.array(z.string()),
  })
  .openapi("Organization")

export type OrganizationRow = Omit<RowOf<typeof organizations>, "deleted">

/** The columns of `OrganizationRow` over `organizations o`. */
export const organizationColumns: SQL = sql`o.id, o.name, o.display_name, o.description, o.icon,
  o.created_at, o.updated_at,
  o.is_default, o.default_org_member_roles`

export function toOrganizationView(row: OrganizationRow): z.input<typeof organizationSchema> {
  return {
    id: row.id,
    name: row.name,
    display_name: row.display_name,
    description: row.description,
    icon: row.icon,
    created_at: wireTime(row.created_at),
    updated_at: wireTime(row.updated_at),
    is_default: row.is_default,
    default_org_member_roles: row.default_org_member_roles,
  }
}
