// Creation and deletion of users over HTTP.
import { createRoute, z } from "@hono/zod-openapi"
import { isAllowed, roleHolderOf } from "../../access/is-allowed.ts"
import { assignableSiteRoles } from "../../access/role-names.ts"
import { auditRequest } from "../../audit/request.ts"
import { isUniqueViolation } from "../../platform/db/errors.ts"
import {
  ApiError,
  badRequest,
  conflict,
  forbidden,
  notFound,
  tagDetail,
  validationFailed,
} from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import {
  errors,
  errorSchema,
  jsonBody,
  jsonRequest,
  messageSchema,
  nilUuid,
} from "../../platform/http/wire.ts"
import { admitHashing } from "../sessions/admit-hashing.ts"
import { hashPassword } from "../sessions/password.ts"
import { emailField, realNameField, requireStrongPassword, usernameField } from "./fields.ts"
import { userParam } from "./read-routes.ts"
import { createUser, newUserFacts, type NewUser, type NewUserFacts } from "./create-statements.ts"
import { deleteUser, holdOwners, holdUser } from "./statements.ts"
import { requireAllowed, requireUserTarget, userTarget } from "./target.ts"
import { toUserView, userSchema } from "./view.ts"

const tags = ["Users"]

const createUserRequest = z
  .object({
    email: emailField.or(z.literal("")).default(""),
    username: usernameField,
    name: realNameField.nullish(),
    password: z.string().max(1_024).nullish(),
    login_type: z.enum(["password", "github", "oidc", "token", "none", ""]).nullish(),
    user_status: z.enum(["active", "dormant"]).nullish(),
    organization_ids: z.array(z.string().max(64)).max(64).nullish(),
    organization_id: z.string().max(64).nullish(),
    service_account: z.boolean().nullish(),
    roles: z.array(z.string().max(64)).max(16).nullish(),
  })
  .openapi("CreateUserRequest")

const createUserRoute = createRoute({
  method: "post",
  path: "/users",
  tags,
  summary: "Create a user",
  request: { body: jsonRequest(createUserRequest) },
  responses: {
    201: jsonBody(userSchema, "The user."),
    ...errors(400, 401, 403, 404, 409, 429, 503),
  },
})

const deleteRoute = createRoute({
  method: "delete",
  path: "/users/{user}",
  tags,
  summary: "Delete a user who owns no workspace",
  request: { params: userParam },
  responses: {
    200: jsonBody(messageSchema, "The user is deleted."),
    ...errors(401, 403, 404, 409, 429, 503),
    417: jsonBody(errorSchema, "The user still owns workspaces."),
  },
})

/** The user to create. Throws a 400 if the request is invalid. */
async function readNewUser(body: z.output<typeof createUserRequest>): Promise<NewUser> {
  const isServiceAccount = body.service_account ?? false
  const loginType = body.login_type || (isServiceAccount ? "none" : "password")
  const password = body.password ?? ""
  if (body.email === "" && !isServiceAccount) {
    throw validationFailed([{ field: "email", detail: tagDetail("required_unless", "") }])
  }
  const organizations = [
    ...(body.organization_ids ?? []),
    ...(body.organization_id ? [body.organization_id] : []),
  ]
    .map((name) => name.toLowerCase())
    .map((name) => (name === nilUuid ? "default" : name))
  if (organizations.length === 0) {
    throw badRequest("No organization specified to place the user as a member of.", {
      detail: "At least one organization must be given.",
      validations: [{ field: "organization_ids", detail: "Missing values, this cannot be empty" }],
    })
  }
  if (loginType === "none" && !isServiceAccount) {
    throw badRequest("Login type 'none' requires a service account.")
  }
  if (password !== "" && loginType !== "password") {
    throw badRequest(`Password cannot be set for non-password (${loginType}) authentication.`)
  }
  const roles = [...new Set(body.roles ?? [])].filter((role) => role !== "member")
  const unknown = roles.find((role) => !assignableSiteRoles.includes(role))
  if (unknown !== undefined)
    throw badRequest(`${JSON.stringify(unknown)} is not a role that can be given.`)
  if (loginType === "password") requireStrongPassword(password)
  return {
    id: crypto.randomUUID(),
    email: body.email,
    username: body.username,
    name: body.name ?? "",
    hashedPassword:
      loginType === "password" ? await admitHashing(() => hashPassword(password)) : "",
    loginType,
    status: body.user_status ?? "dormant",
    isServiceAccount,
    roles,
    organizations: [...new Set(organizations)],
  }
}

const notAuthorized = () => forbidden("You are not authorized to create users.")

function refuse(facts: NewUserFacts | undefined): never {
  if (facts === undefined || !facts.can_create) throw notAuthorized()
  if (!facts.can_give_roles) throw forbidden("You are not authorized to give these roles.")
  if (!facts.are_found) throw notFound()
  if (!facts.are_joinable) throw forbidden()
  throw conflict(
    "The user could not be created: something changed at the same time. Please try again.",
  )
}

export const userCreateRoutes = createRouter()
  .openapi(createUserRoute, async (c) => {
    const caller = c.get("caller")
    const body = c.req.valid("json")
    // Hashing is expensive, so the permission is checked first.
    if (!isAllowed(roleHolderOf(await caller.actor()), "create", "user")) throw notAuthorized()
    const user = await readNewUser(body)
    try {
      const [[facts], [made]] = await caller.batch([
        newUserFacts(user),
        createUser(user, auditRequest(c)),
      ])
      if (made === undefined) return refuse(facts)
      return c.json(toUserView(made), 201)
    } catch (error) {
      if (!isUniqueViolation(error)) throw error
      const field = error.constraint === "users_email_live" ? "email" : "username"
      throw conflict("User already exists.", {
        validations: [{ field, detail: "This value is already in use and should be unique." }],
      })
    }
  })
  .openapi(deleteRoute, async (c) => {
    const { user } = c.req.valid("param")
    const [targets, , [held], gone] = await c
      .get("caller")
      .batch([
        userTarget(user, "delete"),
        holdOwners,
        holdUser(user),
        deleteUser(user, auditRequest(c)),
      ])
    const target = requireUserTarget(targets)
    if (target.is_self) throw forbidden("You cannot delete yourself!")
    requireAllowed(target)
    if (gone.length > 0) return c.json({ message: "User has been deleted!" }, 200)
    if (held?.has_workspaces) {
      throw new ApiError(
        417,
        "You cannot delete a user that has workspaces. Delete their workspaces and try again!",
      )
    }
    throw conflict(
      "The user could not be deleted: something changed at the same time. Please try again.",
    )
  })
