// The groups of an organization over HTTP: one group Everyone with all of its members.
import { createRoute, z } from "@hono/zod-openapi"
import { sql, type SQL } from "drizzle-orm"
import { organizationIdOf, userIdOf } from "../../access/lookup.ts"
import { may } from "../../access/may.ts"
import { statement } from "../../platform/db/client.ts"
import { notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, uuidSchema } from "../../platform/http/wire.ts"

const tags = ["Groups"]

const memberSchema = z
  .object({ id: uuidSchema, username: z.string(), name: z.string(), avatar_url: z.string() })
  .openapi("GroupMember")

const groupSchema = z
  .object({
    id: uuidSchema.openapi({ description: "That of the organization." }),
    name: z.string(),
    display_name: z.string(),
    organization_id: uuidSchema,
    organization_name: z.string(),
    organization_display_name: z.string(),
    members: z
      .array(memberSchema)
      .openapi({ description: "The first 1,000 whom the caller may read." }),
    total_member_count: z.int(),
    avatar_url: z.string(),
    quota_allowance: z.int(),
    source: z.enum(["user", "oidc"]),
  })
  .openapi("Group")

const listRoute = createRoute({
  method: "get",
  path: "/groups",
  tags,
  summary: "List the groups of all organizations that the caller may read",
  request: {
    query: z.object({
      organization: z
        .string()
        .max(64)
        .optional()
        .openapi({ description: "Only groups of this organization, by id or name." }),
      has_member: z
        .string()
        .max(64)
        .optional()
        .openapi({ description: "Only groups with this user, by id or username." }),
      group_ids: z
        .string()
        .max(4_096)
        .optional()
        .openapi({ description: "Only these groups: ids, separated by commas." }),
    }),
  },
  responses: {
    200: jsonBody(z.array(groupSchema), "The groups, by organization."),
    ...errors(400, 401, 429, 503),
  },
})

const ofOrganizationRoute = createRoute({
  method: "get",
  path: "/organizations/{organization}/groups",
  tags,
  summary: "List the groups of an organization",
  request: { params: z.object({ organization: z.string().max(64) }) },
  responses: {
    200: jsonBody(z.array(groupSchema), "The groups."),
    ...errors(401, 404, 429, 503),
  },
})

/** The members in one answer. The list of members has pages. */
const membersMax = 1_000

type GroupRow = {
  id: string
  organization_name: string
  organization_display_name: string
  total_member_count: number
  members: z.output<typeof memberSchema>[]
}

const isMember = sql`m.organization_id = o.id and not u.deleted and not u.is_system`
const members = sql`organization_members m join users u on u.id = m.user_id`
const mayReadMember = may("read", "organization_member", {
  owner: sql`m.user_id`,
  organization: sql`m.organization_id`,
})

/** The group Everyone of each readable organization that meets the condition. */
const everyoneOf = (condition: SQL) =>
  statement<GroupRow>(
    "groups.list",
    sql`select o.id, o.name as organization_name, o.display_name as organization_display_name,
        (select count(*)::int from ${members} where ${isMember}) as total_member_count,
        (select coalesce(jsonb_agg(to_jsonb(shown) order by lower(shown.username)), '[]')
          from (select u.id, u.username, u.name, u.avatar_url from ${members}
            where ${isMember} and ${mayReadMember}
            order by lower(u.username) limit ${membersMax}::int) shown) as members
      from organizations o
      where not o.deleted and ${condition}
        and ${may("read", "organization", { id: sql`o.id`, organization: sql`o.id` })}
      order by lower(o.name)`,
  )

const toView = (row: GroupRow): z.input<typeof groupSchema> => ({
  ...row,
  name: "Everyone",
  display_name: "",
  organization_id: row.id,
  avatar_url: "",
  quota_allowance: 0,
  source: "user",
})

export const groupRoutes = createRouter()
  .openapi(listRoute, async (c) => {
    const { organization, has_member, group_ids } = c.req.valid("query")
    const conditions = [sql`true`]
    if (organization) conditions.push(sql`o.id = ${organizationIdOf(organization)}`)
    if (has_member) {
      conditions.push(sql`exists (select from ${members}
        where ${isMember} and ${mayReadMember} and u.id = ${userIdOf(has_member)})`)
    }
    if (group_ids) {
      // An id that is not a UUID is that of no group.
      const ids = group_ids.split(",").map((id) => id.trim().toLowerCase())
      conditions.push(
        sql`o.id::text in (${sql.join(
          ids.map((id) => sql`${id}`),
          sql`, `,
        )})`,
      )
    }
    const rows = await c.get("caller").query(everyoneOf(sql.join(conditions, sql` and `)))
    return c.json(rows.map(toView), 200)
  })
  .openapi(ofOrganizationRoute, async (c) => {
    const { organization } = c.req.valid("param")
    const isIt = sql`o.id = ${organizationIdOf(organization)}`
    const rows = await c.get("caller").query(everyoneOf(isIt))
    if (rows.length === 0) throw notFound()
    return c.json(rows.map(toView), 200)
  })
