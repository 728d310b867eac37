// Organizations over HTTP.
import { createRoute, z } from "@hono/zod-openapi"
import { sql, type SQL } from "drizzle-orm"
import { organizationIdOf, userIdOf } from "../../access/lookup.ts"
import { may } from "../../access/may.ts"
import { statement } from "../../platform/db/client.ts"
import { notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody } from "../../platform/http/wire.ts"
import {
  organizationColumns,
  organizationSchema,
  toOrganizationView,
  type OrganizationRow,
} from "./view.ts"

const tags = ["Organizations"]
const userParam = z.object({ user: z.string().max(64) })

const listRoute = createRoute({
  method: "get",
  path: "/organizations",
  tags,
  summary: "List the organizations that the caller may read",
  responses: {
    200: jsonBody(z.array(organizationSchema), "The organizations, by name."),
    ...errors(401, 429, 503),
  },
})

const readRoute = createRoute({
  method: "get",
  path: "/organizations/{organization}",
  tags,
  summary: "Read an organization",
  request: { params: z.object({ organization: z.string().max(64) }) },
  responses: {
    200: jsonBody(organizationSchema, "The organization."),
    ...errors(401, 404, 429, 503),
  },
})

const ofUserRoute = createRoute({
  method: "get",
  path: "/users/{user}/organizations",
  tags,
  summary: "List the organizations of a user",
  request: { params: userParam },
  responses: {
    200: jsonBody(z.array(organizationSchema), "The organizations, by name."),
    ...errors(401, 404, 429, 503),
  },
})

const ofUserByNameRoute = createRoute({
  method: "get",
  path: "/users/{user}/organizations/{organizationname}",
  tags,
  summary: "Read an organization of a user",
  request: { params: userParam.extend({ organizationname: z.string().max(64) }) },
  responses: {
    200: jsonBody(organizationSchema, "The organization."),
    ...errors(401, 404, 429, 503),
  },
})

const isReadable = sql`not o.deleted
  and ${may("read", "organization", { id: sql`o.id`, organization: sql`o.id` })}`

/** Readable organizations that meet the condition, by name. */
const readable = (name: string, condition: SQL) =>
  statement<OrganizationRow>(
    name,
    sql`select ${organizationColumns} from organizations o where ${isReadable} and ${condition}
      order by lower(o.name)`,
  )

const isMember = (user: SQL) =>
  sql`exists (select 1 from organization_members m where m.organization_id = o.id
    and m.user_id = ${user})`

/** Whether the caller may read the user at all. */
const isUserReadable = (user: string) =>
  statement<{ id: string }>(
    "users.readable",
    sql`select u.id from users u where u.id = ${userIdOf(user)}
      and ${may("read", "user", { id: sql`u.id`, owner: sql`u.id` })}`,
  )

export const organizationRoutes = createRouter()
  .openapi(listRoute, async (c) => {
    const rows = await c.get("caller").query(readable("organizations.list", sql`true`))
    return c.json(rows.map(toOrganizationView), 200)
  })
  .openapi(readRoute, async (c) => {
    const isIt = sql`o.id = ${organizationIdOf(c.req.valid("param").organization)}`
    const [row] = await c.get("caller").query(readable("organizations.by-name", isIt))
    if (row === undefined) throw notFound()
    return c.json(toOrganizationView(row), 200)
  })
  .openapi(ofUserRoute, async (c) => {
    const { user } = c.req.valid("param")
    const [users, rows] = await c
      .get("caller")
      .batch([isUserReadable(user), readable("organizations.of-user", isMember(userIdOf(user)))])
    if (users.length === 0) throw notFound()
    return c.json(rows.map(toOrganizationView), 200)
  })
  .openapi(ofUserByNameRoute, async (c) => {
    const { user, organizationname } = c.req.valid("param")
    const isIt = sql`o.id = ${organizationIdOf(organizationname)} and ${isMember(userIdOf(user))}`
    const [users, rows] = await c
      .get("caller")
      .batch([isUserReadable(user), readable("organizations.of-user-by-name", isIt)])
    const [row] = rows
    if (users.length === 0 || row === undefined) throw notFound()
    return c.json(toOrganizationView(row), 200)
  })
