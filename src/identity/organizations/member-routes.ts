// Members of an organization and their roles in it, over HTTP.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { userIdOf } from "../../access/lookup.ts"
import { assignableOrganizationRoles } from "../../access/role-names.ts"
import { auditRequest } from "../../audit/request.ts"
import { badRequest, conflict, forbidden, notFound } from "../../platform/http/errors.ts"
import { createSearchReader, tokenizeSearch } from "../../platform/http/search-query.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, pageQuery, uuidSchema } from "../../platform/http/wire.ts"
import {
  addMember,
  listMembers,
  memberTarget,
  removeMember,
  requireOrganization,
  updateMemberRoles,
  type MemberPage,
  type MemberTarget,
} from "./member-statements.ts"
import {
  memberSchema,
  memberWithUserSchema,
  toMemberView,
  toMemberWithUserView,
} from "./member-view.ts"
import { userConditions } from "../users/search.ts"

const tags = ["Members"]
const organizationParam = z.object({ organization: z.string().max(64) })
const memberParam = organizationParam.extend({ user: z.string().max(64) })
const q = z.string().max(8_192).default("")

const listRoute = createRoute({
  method: "get",
  path: "/organizations/{organization}/members",
  tags,
  summary: "List the members of an organization",
  request: { params: organizationParam, query: z.object({ q }) },
  responses: {
    200: jsonBody(z.array(memberWithUserSchema), "The members, by username."),
    ...errors(400, 401, 404, 429, 503),
  },
})

const pageRoute = createRoute({
  method: "get",
  path: "/organizations/{organization}/paginated-members",
  tags,
  summary: "List the members of an organization by pages",
  request: {
    params: organizationParam,
    query: pageQuery.extend({ q, after_id: uuidSchema.optional() }),
  },
  responses: {
    200: jsonBody(
      z
        .object({ members: z.array(memberWithUserSchema), count: z.int() })
        .openapi("PaginatedMembersResponse"),
      "A page of members, and how many match in all.",
    ),
    ...errors(400, 401, 404, 429, 503),
  },
})

const readRoute = createRoute({
  method: "get",
  path: "/organizations/{organization}/members/{user}",
  tags,
  summary: "Read a member",
  request: { params: memberParam },
  responses: { 200: jsonBody(memberWithUserSchema, "The member."), ...errors(401, 404, 429, 503) },
})

const addRoute = createRoute({
  method: "post",
  path: "/organizations/{organization}/members/{user}",
  tags,
  summary: "Make a user a member",
  request: { params: memberParam },
  responses: {
    200: jsonBody(memberSchema, "The member."),
    ...errors(400, 401, 403, 404, 429, 503),
  },
})

const removeRoute = createRoute({
  method: "delete",
  path: "/organizations/{organization}/members/{user}",
  tags,
  summary: "End a membership",
  request: { params: memberParam },
  responses: {
    204: { description: "The membership has ended." },
    ...errors(400, 401, 403, 404, 409, 429, 503),
  },
})

const updateRolesRoute = createRoute({
  method: "put",
  path: "/organizations/{organization}/members/{user}/roles",
  tags,
  summary: "Set the roles of another member",
  request: {
    params: memberParam,
    body: jsonRequest(z.object({ roles: z.array(z.string().max(64)).max(16) })),
  },
  responses: {
    200: jsonBody(memberSchema, "The member."),
    ...errors(400, 401, 403, 404, 429, 503),
  },
})

/** A member whom the caller may read, or the 404. */
function requireMember(targets: MemberTarget[]): MemberTarget {
  const target = requireOrganization(targets)
  if (!target.is_member || target.can_read_member !== true) throw notFound()
  return target
}

/** `user_id`, `github_user_id`, `include_system`. */
function readMemberSearch(query: string): Pick<MemberPage, "conditions" | "isSystemIncluded"> {
  const invalid = (validations: { field: string; detail: string }[]) =>
    badRequest("Query parameters have invalid values.", { validations })
  const { terms, issue } = tokenizeSearch(query, (text) => ({
    field: "q",
    detail: `Query element ${JSON.stringify(text)} needs a key`,
  }))
  if (issue !== null) throw invalid([issue])
  const reader = createSearchReader(terms)
  const userId = reader.uuid("user_id")
  const github = reader.text("github_user_id")
  const isSystemIncluded = reader.boolean("include_system") ?? false
  const issues = reader.finish()
  if (issues.length > 0) throw invalid(issues)
  return {
    conditions: [
      ...(userId === undefined ? [] : [sql`u.id = ${userId}::uuid`]),
      ...(github === undefined ? [] : [sql`false`]),
    ],
    isSystemIncluded,
  }
}

export const memberRoutes = createRouter()
  .openapi(listRoute, async (c) => {
    const { organization } = c.req.valid("param")
    const page = { ...readMemberSearch(c.req.valid("query").q), limit: 0, offset: 0 }
    const [targets, rows] = await c
      .get("caller")
      .batch([memberTarget(organization, null), ...listMembers(organization, page)])
    requireOrganization(targets)
    return c.json(rows.map(toMemberWithUserView), 200)
  })
  .openapi(pageRoute, async (c) => {
    const { organization } = c.req.valid("param")
    const { q, limit, offset, after_id } = c.req.valid("query")
    const conditions = userConditions(q)
    if (after_id !== undefined) {
      conditions.push(
        sql`lower(u.username) > (select lower(a.username) from users a
          where a.id = ${after_id}::uuid)`,
      )
    }
    const page = { conditions, limit, offset, isSystemIncluded: false }
    const [targets, rows, [total]] = await c
      .get("caller")
      .batch([memberTarget(organization, null), ...listMembers(organization, page)])
    requireOrganization(targets)
    return c.json({ members: rows.map(toMemberWithUserView), count: total?.count ?? 0 }, 200)
  })
  .openapi(readRoute, async (c) => {
    const { organization, user } = c.req.valid("param")
    const conditions = [sql`u.id = ${userIdOf(user)}`]
    const [members] = listMembers(organization, {
      conditions,
      limit: 1,
      offset: 0,
      isSystemIncluded: true,
    })
    const [targets, [row]] = await c
      .get("caller")
      .batch([memberTarget(organization, user), members])
    requireMember(targets)
    if (row === undefined) throw notFound()
    return c.json(toMemberWithUserView(row), 200)
  })
  .openapi(addRoute, async (c) => {
    const { organization, user } = c.req.valid("param")
    const [targets, [row]] = await c
      .get("caller")
      .batch([memberTarget(organization, user), addMember(organization, user, auditRequest(c))])
    const target = requireOrganization(targets)
    if (!target.can_create) throw forbidden()
    if (target.user_id === null) throw notFound()
    if (row === undefined) throw badRequest("User is already an organization member")
    return c.json(toMemberView(row), 200)
  })
  .openapi(removeRoute, async (c) => {
    const { organization, user } = c.req.valid("param")
    const [targets, gone] = await c
      .get("caller")
      .batch([memberTarget(organization, user), removeMember(organization, user, auditRequest(c))])
    const target = requireMember(targets)
    if (target.is_self) throw badRequest("cannot remove self from an organization")
    if (gone.length === 0) {
      throw target.can_delete
        ? conflict("The member could not be removed: you may not take one of their roles.")
        : forbidden()
    }
    return c.body(null, 204)
  })
  .openapi(updateRolesRoute, async (c) => {
    const { organization, user } = c.req.valid("param")
    const roles = [...new Set(c.req.valid("json").roles)].filter(
      (role) => role !== "organization-member",
    )
    const [targets, [row]] = await c
      .get("caller")
      .batch([
        memberTarget(organization, user),
        updateMemberRoles(organization, user, roles, auditRequest(c)),
      ])
    const target = requireMember(targets)
    if (target.is_self) throw badRequest("You cannot change your own organization roles.")
    if (row !== undefined) return c.json(toMemberView(row), 200)
    const unknown = roles.find((role) => !assignableOrganizationRoles.includes(role))
    if (target.can_assign && unknown !== undefined) {
      throw badRequest(`${JSON.stringify(unknown)} is not a role that can be given.`, {
        validations: [{ field: "roles", detail: `unknown role ${JSON.stringify(unknown)}` }],
      })
    }
    throw forbidden()
  })
