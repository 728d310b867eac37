// Creation of the first user, once, by the holder of the deployment's setup token.
import { createRoute, z } from "@hono/zod-openapi"
import { Buffer } from "node:buffer"
import { timingSafeEqual } from "node:crypto"
import { sql } from "drizzle-orm"
import { presentedToken } from "../access/caller.ts"
import { sha256 } from "../platform/hash.ts"
import { limitAccount, limitSignIn } from "../access/rate-limit.ts"
import { unauthenticated } from "../access/challenge.ts"
import { auditInsert, type AuditRequest } from "../audit/fragment.ts"
import { auditRequest } from "../audit/request.ts"
import { statement } from "../platform/db/client.ts"
import { isUniqueViolation } from "../platform/db/errors.ts"
import { json } from "../platform/db/sql.ts"
import { ApiError, conflict } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, messageSchema, uuidSchema } from "../platform/http/wire.ts"
import { admitHashing } from "./sessions/admit-hashing.ts"
import { findPasswordProblem } from "./sessions/password-strength.ts"
import { hashPassword } from "./sessions/password.ts"
import {
  emailField,
  passwordField,
  realNameField,
  requireStrongPassword,
  usernameField,
} from "./users/fields.ts"

const tags = ["Users"]
const alreadyCreated = "The initial user has already been created."
const setupHeader = "X-Setup-Token"

const existsRoute = createRoute({
  method: "get",
  path: "/users/first",
  tags,
  summary: "Ask whether the first user exists",
  responses: { 200: jsonBody(messageSchema, "There is a first user."), ...errors(404, 429, 503) },
})

const createFirstRoute = createRoute({
  method: "post",
  path: "/users/first",
  tags,
  summary: "Create the first user, an owner",
  description:
    "Works once, for the holder of the deployment's setup token. " +
    `The token is in the header \`${setupHeader}\` or where a session token may be.`,
  request: {
    headers: z.object({ [setupHeader.toLowerCase()]: z.string().max(512).optional() }),
    body: jsonRequest(
      z
        .object({
          email: emailField,
          username: usernameField,
          password: passwordField,
          name: realNameField.default(""),
        })
        .openapi("CreateFirstUserRequest"),
    ),
  },
  responses: {
    201: jsonBody(
      z
        .object({ user_id: uuidSchema, organization_id: uuidSchema })
        .openapi("CreateFirstUserResponse"),
      "The first user.",
    ),
    ...errors(400, 401, 409, 429, 503),
  },
})

const validatePasswordRoute = createRoute({
  method: "post",
  path: "/users/validate-password",
  tags,
  summary: "Ask whether a password is strong enough",
  request: {
    body: jsonRequest(z.object({ password: passwordField }).openapi("ValidateUserPasswordRequest")),
  },
  responses: {
    200: jsonBody(
      z.object({ valid: z.boolean(), details: z.string() }).openapi("ValidateUserPasswordResponse"),
      "The answer; `details` is empty if the password is strong enough.",
    ),
    ...errors(400, 429, 503),
  },
})

const isThere = statement<{ there: boolean }>(
  "users.first-exists",
  sql`select exists (select 1 from users where not is_system)
    or exists (select 1 from site_configs where key = 'first_user') as there`,
)

type FirstUser = {
  id: string
  email: string
  username: string
  name: string
  hashedPassword: string
}

/**
 * Creates the first user and the row that closes the gate. Of two at once, the gate's primary key
 * lets one through; the other gets no row. A repeated call does nothing.
 */
const createFirst = (user: FirstUser, request: AuditRequest) =>
  statement<{ user_id: string; organization_id: string }>(
    "users.create-first",
    sql`with gate as (
        insert into site_configs (key, value)
        select 'first_user', ${json({ id: user.id })} where not exists (select 1 from users
        where not is_system)
        on conflict do nothing returning key
      ), made as (
        insert into users (id, email, username, name, hashed_password, status, login_type,
          site_roles, created_at, updated_at)
        select ${user.id}::uuid, ${user.email}, ${user.username}, ${user.name},
          ${user.hashedPassword}, 'active', 'password',
          array['owner'], ${request.now}::timestamptz, ${request.now}::timestamptz
        from gate returning id, username
      ), joined as (
        insert into organization_members (user_id, organization_id, created_at, updated_at)
        select made.id, o.id, ${request.now}::timestamptz, ${request.now}::timestamptz
        from made, organizations o where o.is_default returning user_id, organization_id
      ), audited as (${auditInsert(
        request,
        {
          resourceType: "user",
          resourceId: sql`made.id`,
          resourceTarget: sql`made.username`,
          userId: sql`made.id`,
          action: "create",
          statusCode: 201,
        },
        sql`made`,
      )})
      select user_id, organization_id from joined`,
  )

/** Compares digests, so the time does not depend on the length or the first wrong character. */
async function isSetupToken(presented: string, expected: string | undefined): Promise<boolean> {
  if (expected === undefined || expected === "") return false
  const [left, right] = await Promise.all([sha256(presented), sha256(expected)])
  return timingSafeEqual(Buffer.from(left), Buffer.from(right))
}

export const firstUserRoutes = createRouter()
  .openapi(existsRoute, async (c) => {
    const [row] = await c.get("db").all(isThere)
    if (row?.there !== true) throw new ApiError(404, "The initial user has not been created!")
    return c.json({ message: "The initial user has already been created!" }, 200)
  })
  .openapi(validatePasswordRoute, (c) => {
    const problem = findPasswordProblem(c.req.valid("json").password)
    return c.json({ valid: problem === null, details: problem ?? "" }, 200)
  })
  .openapi(createFirstRoute, async (c) => {
    await limitSignIn(c)
    await limitAccount(c, "the first user")
    const presented = c.req.header(setupHeader) ?? presentedToken(c) ?? ""
    if (!(await isSetupToken(presented, c.env.SETUP_TOKEN))) {
      // That the first user exists is public. A late caller gets the 409 with or without the token.
      const [first] = await c.get("db").all(isThere)
      if (first?.there === true) throw conflict(alreadyCreated)
      throw unauthenticated(
        "The setup token of this deployment is needed to create its first user.",
        `Send it in the header ${setupHeader}.`,
      )
    }
    const { email, username, password, name } = c.req.valid("json")
    requireStrongPassword(password)
    const hashedPassword = await admitHashing(() => hashPassword(password))
    try {
      const [row] = await c
        .get("db")
        .all(
          createFirst(
            { id: crypto.randomUUID(), email, username, name: name.trim(), hashedPassword },
            auditRequest(c),
          ),
        )
      if (row === undefined) throw conflict(alreadyCreated)
      return c.json(row, 201)
    } catch (error) {
      if (isUniqueViolation(error)) {
        throw conflict("User already exists.", {
          validations: [
            { field: "username", detail: "this value is already in use and should be unique" },
          ],
        })
      }
      throw error
    }
  })
