// Changes of users over HTTP: profile, password, status, roles.
import { createRoute, z } from "@hono/zod-openapi"
import { pictureError, picturePattern } from "../../platform/picture.ts"
import { sql } from "drizzle-orm"
import { userIdOf } from "../../access/lookup.ts"
import { limitAccount } from "../../access/rate-limit.ts"
import { assignableSiteRoles } from "../../access/role-names.ts"
import { auditRequest } from "../../audit/request.ts"
import { statement } from "../../platform/db/client.ts"
import { isUniqueViolation } from "../../platform/db/errors.ts"
import {
  ApiError,
  badRequest,
  conflict,
  forbidden,
  notFound,
  type Validation,
} from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, uuidSchema } from "../../platform/http/wire.ts"
import { admitHashing } from "../sessions/admit-hashing.ts"
import { hashPassword, isPassword } from "../sessions/password.ts"
import { passwordField, realNameField, requireStrongPassword, usernameField } from "./fields.ts"
import { isUserVisible, userParam } from "./read-routes.ts"
import {
  holdOwners,
  updatePassword,
  updateProfile,
  updateRoles,
  updateStatus,
} from "./statements.ts"
import { mayUser, requireAllowed, requireUserTarget, userTarget } from "./target.ts"
import { toUserView, userSchema } from "./view.ts"

const tags = ["Users"]
const theUser = { 200: jsonBody(userSchema, "The user.") }

const profileRoute = createRoute({
  method: "put",
  path: "/users/{user}/profile",
  tags,
  summary: "Change a user's names and picture",
  request: {
    params: userParam,
    body: jsonRequest(
      z
        .object({
          username: usernameField,
          name: realNameField.nullish(),
          avatar_url: z.string().max(2_048).regex(picturePattern, pictureError).nullish(),
        })
        .openapi("UpdateUserProfileRequest"),
    ),
  },
  responses: { ...theUser, ...errors(400, 401, 403, 404, 409, 429, 503) },
})

const passwordRoute = createRoute({
  method: "put",
  path: "/users/{user}/password",
  tags,
  summary: "Change a password",
  description: "Ends every session and token of the user.",
  request: {
    params: userParam,
    body: jsonRequest(
      z
        .object({ password: passwordField, old_password: z.string().max(1_024).nullish() })
        .openapi("UpdateUserPasswordRequest"),
    ),
  },
  responses: {
    204: { description: "The password is set, the user's keys are gone." },
    ...errors(400, 401, 403, 404, 409, 429, 503),
  },
})

const suspendRoute = createRoute({
  method: "put",
  path: "/users/{user}/status/suspend",
  tags,
  summary: "Suspend a user: every further request is refused",
  request: { params: userParam },
  responses: { ...theUser, ...errors(400, 401, 403, 404, 409, 429, 503) },
})

const activateRoute = createRoute({
  method: "put",
  path: "/users/{user}/status/activate",
  tags,
  summary: "Reactivate a suspended user",
  request: { params: userParam },
  responses: { ...theUser, ...errors(400, 401, 403, 404, 409, 429, 503) },
})

const rolesSchema = z
  .object({
    roles: z.array(z.string()),
    organization_roles: z.record(uuidSchema, z.array(z.string())).openapi({
      example: { "5b9e1c0a-3d3f-4e55-9f0e-8d3c3f1f4a11": ["organization-admin"] },
    }),
  })
  .openapi("UserRoles")

const readRolesRoute = createRoute({
  method: "get",
  path: "/users/{user}/roles",
  tags,
  summary: "Read a user's roles",
  request: { params: userParam },
  responses: {
    200: jsonBody(rolesSchema, "Roles of the deployment, and by organization."),
    ...errors(401, 404, 429, 503),
  },
})

const updateRolesRoute = createRoute({
  method: "put",
  path: "/users/{user}/roles",
  tags,
  summary: "Set the roles of another user",
  request: {
    params: userParam,
    body: jsonRequest(
      z.object({ roles: z.array(z.string().max(64)).max(16) }).openapi("UpdateRoles"),
    ),
  },
  responses: { ...theUser, ...errors(400, 401, 403, 404, 409, 429, 503) },
})

const loginTypeRoute = createRoute({
  method: "get",
  path: "/users/{user}/login-type",
  tags,
  summary: "Read how the caller signs in",
  request: { params: userParam },
  responses: {
    200: jsonBody(z.object({ login_type: z.string() }).openapi("UserLoginType"), "The login type."),
    ...errors(401, 403, 404, 429, 503),
  },
})

const readRoles = (user: string) =>
  statement<{ roles: string[]; organization_roles: Record<string, string[]> }>(
    "users.roles",
    sql`select u.site_roles as roles, coalesce((select jsonb_object_agg(m.organization_id,
      to_jsonb(m.roles))
        from organization_members m where m.user_id = u.id), '{}') as organization_roles
      from users u where u.id = ${userIdOf(user)} and ${isUserVisible}`,
  )

/** The stored hash, if the caller may set the password. */
const passwordOf = (user: string) =>
  statement<{ hashed_password: string }>(
    "users.password",
    sql`select u.hashed_password from users u where u.id = ${userIdOf(user)}
      and ${mayUser("update_personal")}`,
  )

const changedConcurrently = () =>
  conflict("The user was changed at the same time by another request. Please try again.")

const wrongPassword = (message: string, field: Validation["field"]) =>
  badRequest(message, { validations: [{ field, detail: message }] })

/** The hash of a new password. Throws a 400 if the old one is wrong or the two are the same. */
async function checkAndHash(
  password: string,
  old: string | null | undefined,
  stored: string,
): Promise<string> {
  if (old && !(await isPassword(old, stored)))
    throw wrongPassword("Old password is incorrect.", "old_password")
  if (old ? password === old : await isPassword(password, stored))
    throw wrongPassword("New password cannot match old password.", "password")
  return hashPassword(password)
}

export const userChangeRoutes = createRouter()
  .openapi(profileRoute, async (c) => {
    const { user } = c.req.valid("param")
    const body = c.req.valid("json")
    const profile = {
      username: body.username,
      name: body.name ?? "",
      avatar_url: body.avatar_url ?? undefined,
    }
    try {
      const [targets, [row]] = await c
        .get("caller")
        .batch([userTarget(user, "update_personal"), updateProfile(user, profile, auditRequest(c))])
      requireAllowed(requireUserTarget(targets))
      if (row === undefined) throw changedConcurrently()
      return c.json(toUserView(row), 200)
    } catch (error) {
      if (!isUniqueViolation(error, "users_username_live")) throw error
      throw conflict("User already exists.", {
        validations: [{ field: "username", detail: "This username is already in use." }],
      })
    }
  })
  .openapi(passwordRoute, async (c) => {
    const { user } = c.req.valid("param")
    const { password, old_password: old } = c.req.valid("json")
    const caller = c.get("caller")
    const [targets, [stored]] = await caller.batch([
      userTarget(user, "update_personal"),
      passwordOf(user),
    ])
    const target = requireUserTarget(targets)
    requireAllowed(target)
    if (stored === undefined) throw changedConcurrently()
    if (target.login_type !== "password") {
      throw badRequest("Users without password login type cannot change their password.")
    }
    requireStrongPassword(password)
    if (target.is_self && !old)
      throw wrongPassword("Old password is required to change your own password.", "old_password")
    if (old) await limitAccount(c, target.id)
    const hashed = await admitHashing(() => checkAndHash(password, old, stored.hashed_password))
    const [row] = await caller.query(
      updatePassword(target.id, hashed, stored.hashed_password, auditRequest(c)),
    )
    if (row === undefined) throw changedConcurrently()
    return c.body(null, 204)
  })
  .openapi(suspendRoute, async (c) => {
    const { user } = c.req.valid("param")
    const [targets, [row]] = await c
      .get("caller")
      .batch([userTarget(user, "update"), updateStatus(user, "suspended", auditRequest(c))])
    const target = requireUserTarget(targets)
    if (target.is_self) throw badRequest("You cannot suspend yourself.")
    requireAllowed(target)
    if (target.site_roles.includes("owner")) {
      throw badRequest(
        'You cannot suspend a user with the "owner" role. You must remove the role first.',
      )
    }
    if (row === undefined) throw changedConcurrently()
    return c.json(toUserView(row), 200)
  })
  .openapi(activateRoute, async (c) => {
    const { user } = c.req.valid("param")
    const [targets, [row]] = await c
      .get("caller")
      .batch([userTarget(user, "update"), updateStatus(user, "active", auditRequest(c))])
    requireAllowed(requireUserTarget(targets))
    if (row === undefined) throw changedConcurrently()
    return c.json(toUserView(row), 200)
  })
  .openapi(readRolesRoute, async (c) => {
    const [row] = await c.get("caller").query(readRoles(c.req.valid("param").user))
    if (row === undefined) throw notFound()
    return c.json(row, 200)
  })
  .openapi(updateRolesRoute, async (c) => {
    const { user } = c.req.valid("param")
    const roles = [...new Set(c.req.valid("json").roles)].filter((role) => role !== "member")
    const unknown = roles.find((role) => !assignableSiteRoles.includes(role))
    if (unknown !== undefined) {
      throw badRequest(`${JSON.stringify(unknown)} is not a role that can be given.`, {
        validations: [{ field: "roles", detail: `unknown role ${JSON.stringify(unknown)}` }],
      })
    }
    const [, targets, [row]] = await c
      .get("caller")
      .batch([holdOwners, userTarget(user, "read"), updateRoles(user, roles, auditRequest(c))])
    const target = requireUserTarget(targets)
    if (target.is_self) throw badRequest("You cannot change your own roles.")
    if (row !== undefined) return c.json(toUserView(row), 200)
    if (target.status === "suspended" && roles.includes("owner")) {
      throw badRequest("A suspended user cannot be an owner. Activate the account first.")
    }
    throw forbidden()
  })
  .openapi(loginTypeRoute, async (c) => {
    const target = requireUserTarget(
      await c.get("caller").query(userTarget(c.req.valid("param").user, "read")),
    )
    if (!target.is_self)
      throw new ApiError(403, "You are not authorized to view this user's login type.")
    return c.json({ login_type: target.login_type }, 200)
  })
