// The roles that can be given, and which of them the caller may give.
import { createRoute, z } from "@hono/zod-openapi"
import { organizationRoleGivers } from "../access/assignable.ts"
import { isAllowed, roleHolderOf } from "../access/is-allowed.ts"
import {
  assignableOrganizationRoles,
  slimOrganizationRole,
  type SlimRole,
} from "../access/role-names.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody, uuidSchema } from "../platform/http/wire.ts"
import { memberTarget, requireOrganization } from "./organizations/member-statements.ts"

const rolesRoute = createRoute({
  method: "get",
  path: "/organizations/{organization}/members/roles",
  tags: ["Members"],
  summary: "List the roles that members can have",
  request: { params: z.object({ organization: z.string().max(64) }) },
  responses: {
    200: jsonBody(
      z.array(
        z
          .object({
            name: z.string(),
            display_name: z.string(),
            organization_id: uuidSchema.optional(),
            site_permissions: z.array(z.string()),
            user_permissions: z.array(z.string()),
            organization_permissions: z.array(z.string()),
            organization_member_permissions: z.array(z.string()),
            assignable: z.boolean(),
            built_in: z.boolean(),
          })
          .openapi("AssignableRoles"),
      ),
      "The roles, and whether the caller may give each.",
    ),
    ...errors(401, 404, 429, 503),
  },
})

export const assignableRoleRoutes = createRouter().openapi(rolesRoute, async (c) => {
  const caller = c.get("caller")
  const target = requireOrganization(
    await caller.query(memberTarget(c.req.valid("param").organization, null)),
  )
  const organization = target.organization_id
  const who = roleHolderOf(await caller.actor())
  const canAssign = isAllowed(who, "assign", "assign_org_role", { organization })
  const held = who.organizations[organization] ?? []
  const isGivable = (role: string) => {
    const givers = organizationRoleGivers[role]
    return (
      canAssign &&
      (who.roles.some((name) => givers?.site.includes(name)) ||
        held.some((name) => givers?.organization.includes(name)))
    )
  }
  return c.json(
    assignableOrganizationRoles.map((role) =>
      toAssignableRole(slimOrganizationRole(role, organization), isGivable(role)),
    ),
    200,
  )
})

/** Built-in roles show no permissions: only pages that edit custom roles read them. */
function toAssignableRole(role: SlimRole, isAssignable: boolean) {
  const none: string[] = []
  return {
    ...role,
    site_permissions: none,
    user_permissions: none,
    organization_permissions: none,
    organization_member_permissions: none,
    assignable: isAssignable,
    built_in: true,
  }
}
