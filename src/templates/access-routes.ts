// The route that reads who may use a template.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { may } from "../access/may.ts"
import { statement } from "../platform/db/client.ts"
import { forbidden, notFound } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody, uuidSchema } from "../platform/http/wire.ts"

const everyone = z
  .object({
    id: z.uuid().openapi({ description: "The organization's id." }),
    name: z.literal("Everyone"),
    display_name: z.string(),
    organization_id: z.uuid(),
    organization_name: z.string(),
    organization_display_name: z.string(),
    members: z.array(z.string()).max(0).openapi({ description: "Empty: see the count." }),
    total_member_count: z.int(),
    avatar_url: z.string(),
    quota_allowance: z.int(),
    source: z.literal("user"),
    role: z.literal("use"),
  })
  .openapi("TemplateGroup")

const accessSchema = z
  .object({ users: z.array(z.string()).max(0), group: z.array(everyone).max(1) })
  .openapi("TemplateACL")

export const templateAccessRoutes = createRouter()

const read = createRoute({
  method: "get",
  path: "/templates/{id}/acl",
  tags: ["Templates"],
  summary: "Who may use a template: everyone in its organization, unless it is private",
  request: { params: z.object({ id: uuidSchema }) },
  responses: { 200: jsonBody(accessSchema, "The access."), ...errors(400, 401, 403, 404) },
})

templateAccessRoutes.openapi(read, async (c) => {
  const [row] = await c.var.caller.query(templateAccess(c.req.valid("param").id))
  if (!row) throw notFound()
  if (!row.allowed) throw forbidden()
  const { allowed: _, is_private: isPrivate, ...organization } = row
  const group = {
    ...organization,
    id: row.organization_id,
    name: "Everyone" as const,
    display_name: "",
    members: [] as string[],
    avatar_url: "",
    quota_allowance: 0,
    source: "user" as const,
    role: "use" as const,
  }
  return c.json({ users: [], group: isPrivate ? [] : [group] }, 200)
})

type Access = {
  allowed: boolean
  is_private: boolean
  organization_id: string
  organization_name: string
  organization_display_name: string
  total_member_count: number
}

const template = { id: sql`t.id`, organization: sql`t.organization_id` }

/** Returns one row if the caller may read the template. */
const templateAccess = (id: string) =>
  statement<Access>(
    "templates.access",
    sql`select ${may("update", "template", template)} as allowed,
      t.disable_everyone_group_access as is_private, t.organization_id, o.name as organization_name,
      o.display_name as organization_display_name, (
        select count(*)::int from organization_members m join users u on u.id = m.user_id
        where m.organization_id = o.id and not u.deleted and not u.is_system) as total_member_count
    from templates t join organizations o on o.id = t.organization_id
    where t.id = ${id}::uuid and not t.deleted and ${may("read", "template", template)}`,
  )
