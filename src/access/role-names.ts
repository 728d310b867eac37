// Display names of roles.
import {
  organizationRoles,
  siteRoles,
  type OrganizationRole,
  type SiteRole,
} from "./permissions.ts"

export type SlimRole = { name: string; display_name: string; organization_id?: string }

const displayNames: Record<SiteRole | OrganizationRole, string> = {
  owner: "Owner",
  "user-admin": "User Admin",
  "template-admin": "Template Admin",
  auditor: "Auditor",
  member: "Member",
  "organization-admin": "Organization Admin",
  "organization-user-admin": "Organization User Admin",
  "organization-template-admin": "Organization Template Admin",
  "organization-auditor": "Organization Auditor",
  "organization-member": "Organization Member",
}

const nameOf = (role: string): string => Reflect.get(displayNames, role) ?? role

export const slimSiteRole = (role: string): SlimRole => ({ name: role, display_name: nameOf(role) })

export const slimOrganizationRole = (role: string, organizationId: string): SlimRole => ({
  name: role,
  display_name: nameOf(role),
  organization_id: organizationId,
})

/** Roles that can be given: all but those that every user or member has. */
export const assignableSiteRoles = Object.keys(siteRoles).filter((role) => role !== "member")
export const assignableOrganizationRoles = Object.keys(organizationRoles).filter(
  (role) => role !== "organization-member",
)
