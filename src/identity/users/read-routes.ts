// Users over HTTP: the list, and one by id, name or `me`.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { userIdOf } from "../../access/lookup.ts"
import { may } from "../../access/may.ts"
import { statement } from "../../platform/db/client.ts"
import { notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, pageQuery, uuidSchema } from "../../platform/http/wire.ts"
import { userConditions } from "./search.ts"
import { toUserView, userColumns, userSchema, type UserRow } from "./view.ts"

export const userParam = z.object({
  user: z.string().max(64).openapi({ description: "An id, a username or `me`." }),
})

const listRoute = createRoute({
  method: "get",
  path: "/users",
  tags: ["Users"],
  summary: "List the users that the caller may read",
  request: {
    query: pageQuery.extend({
      q: z.string().max(8_192).default("").openapi({ example: "status:active role:auditor" }),
      after_id: uuidSchema.optional(),
    }),
  },
  responses: {
    200: jsonBody(
      z.object({ users: z.array(userSchema), count: z.int() }).openapi("GetUsersResponse"),
      "A page of users by username, and how many match in total.",
    ),
    ...errors(400, 401, 429, 503),
  },
})

const readRoute = createRoute({
  method: "get",
  path: "/users/{user}",
  tags: ["Users"],
  summary: "Read a user",
  request: { params: userParam },
  responses: { 200: jsonBody(userSchema, "The user."), ...errors(401, 404, 429, 503) },
})

export const isUserVisible = sql`(not u.deleted and not u.is_system
  and ${may("read", "user", { id: sql`u.id`, owner: sql`u.id` })})`

/** A user that the caller may read. */
export const userByName = (user: string) =>
  statement<UserRow>(
    "users.by-name",
    sql`select ${userColumns} from users u where u.id = ${userIdOf(user)} and ${isUserVisible}`,
  )

type UserPage = { q: string; limit: number; offset: number; after_id?: string | undefined }

/** A page, in the order of the unique index on lower(username). */
const listUsers = ({ q, limit, offset, after_id }: UserPage) => {
  const found = sql.join([isUserVisible, ...userConditions(q)], sql` and `)
  const isLater =
    after_id === undefined
      ? sql`true`
      : sql`lower(u.username) > (select lower(a.username) from users a
        where a.id = ${after_id}::uuid and not a.deleted)`
  return [
    statement<UserRow>(
      "users.page",
      sql`select ${userColumns} from users u where ${found} and ${isLater}
        order by lower(u.username)
        limit ${limit === 0 ? null : limit}::bigint offset ${offset}::bigint`,
    ),
    statement<{ count: number }>(
      "users.count",
      sql`select count(*)::int as count from users u where ${found}`,
    ),
  ] as const
}

export const userReadRoutes = createRouter()
  .openapi(listRoute, async (c) => {
    const [rows, [total]] = await c.get("caller").batch(listUsers(c.req.valid("query")))
    return c.json({ users: rows.map(toUserView), count: total?.count ?? 0 }, 200)
  })
  .openapi(readRoute, async (c) => {
    const [row] = await c.get("caller").query(userByName(c.req.valid("param").user))
    if (row === undefined) throw notFound()
    return c.json(toUserView(row), 200)
  })
