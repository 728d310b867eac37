// The roles that can be given, and which of them the caller may give.
import { createRoute, z } from "@hono/zod-openapi"
import { organizationRoleGivers, siteRoleGivers } from "../access/assignable.ts"
import { isAllowed, roleHolderOf } from "../access/is-allowed.ts"
import {
  assignableOrganizationRoles,
  assignableSiteRoles,
  slimOrganizationRole,
  slimSiteRole,
  type SlimRole,
} from "../access/role-names.ts"
import { forbidden } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody, uuidSchema } from "../platform/http/wire.ts"
import { memberTarget, requireOrganization } from "./organizations/member-statements.ts"

const roleSchema = z
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
  .openapi("AssignableRoles")

const rolesAnswer = jsonBody(
  z.array(roleSchema),
  "The roles, and whether the caller may give each.",
)
const organizationParam = z.object({ organization: z.string().max(64) })

const siteRolesRoute = createRoute({
  method: "get",
  path: "/users/roles",
  tags: ["Users"],
  summary: "List the roles that users can have in the deployment",
  responses: { 200: rolesAnswer, ...errors(401, 403, 429, 503) },
})

const organizationRolesRoute = createRoute({
  method: "get",
  path: "/organizations/{organization}/members/roles",
  tags: ["Members"],
  summary: "List the roles that members can have",
  request: { params: organizationParam },
  responses: { 200: rolesAnswer, ...errors(401, 404, 429, 503) },
})

const customRoleRoute = createRoute({
  method: "post",
  path: "/organizations/{organization}/members/roles",
  tags: ["Members"],
  summary: "Custom roles are not served: always refused",
  request: { params: organizationParam },
  responses: errors(401, 403, 404, 429, 503),
})

export const assignableRoleRoutes = createRouter()
  .openapi(siteRolesRoute, async (c) => {
    const holder = roleHolderOf(await c.get("caller").actor())
    if (!isAllowed(holder, "read", "assign_role")) throw forbidden()
    const canAssign = isAllowed(holder, "assign", "assign_role")
    const isGivable = (role: string) =>
      canAssign && holder.roles.some((name) => siteRoleGivers[role]?.includes(name))
    return c.json(
      assignableSiteRoles.map((role) => toAssignableRole(slimSiteRole(role), isGivable(role))),
      200,
    )
  })
  .openapi(organizationRolesRoute, async (c) => {
    const caller = c.get("caller")
    const target = requireOrganization(
      await caller.query(memberTarget(c.req.valid("param").organization, null)),
    )
    const organization = target.organization_id
    const holder = roleHolderOf(await caller.actor())
    const canAssign = isAllowed(holder, "assign", "assign_org_role", { organization })
    const held = holder.organizations[organization] ?? []
    const isGivable = (role: string) => {
      const givers = organizationRoleGivers[role]
      return (
        canAssign &&
        (holder.roles.some((name) => givers?.site.includes(name)) ||
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
  .openapi(customRoleRoute, async (c) => {
    const { organization } = c.req.valid("param")
    requireOrganization(await c.get("caller").query(memberTarget(organization, null)))
    throw forbidden("This deployment does not serve custom roles.")
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
