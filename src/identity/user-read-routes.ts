// Reading users (api.md 2.2): one by id, name or `me`.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { userIdOf } from "../access/lookup.ts"
import { may } from "../access/may.ts"
import { statement } from "../db/client.ts"
import { notFound } from "../http/errors.ts"
import { createRouter } from "../http/router.ts"
import { errors, jsonBody } from "../http/wire.ts"
import { toUserView, userColumns, userSchema, type UserRow } from "./user-view.ts"

export const userParam = z.object({
  user: z.string().max(64).openapi({ description: "An id, a username or `me`." }),
})

const readRoute = createRoute({
  method: "get",
  path: "/users/{user}",
  tags: ["Users"],
  summary: "Read a user",
  request: { params: userParam },
  responses: { 200: jsonBody(userSchema, "The user."), ...errors(401, 404, 429, 503) },
})

export const isUserVisible = sql`not u.is_system and ${may("read", "user", { id: sql`u.id`, owner: sql`u.id` })}`

/** A user that the caller may read. */
export const userByName = (user: string) =>
  statement<UserRow>(
    "users.by-name",
    sql`select ${userColumns} from users u where u.id = ${userIdOf(user)} and ${isUserVisible}`,
  )

export const userReadRoutes = createRouter().openapi(readRoute, async (c) => {
  const [row] = await c.get("caller").query(userByName(c.req.valid("param").user))
  if (row === undefined) throw notFound()
  return c.json(toUserView(row), 200)
})
