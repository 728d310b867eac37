// The permission table.
//
// The predicate for one object (is-allowed.ts) and the SQL filter (may.ts) are both compiled from
// it, so they cannot disagree.

export const actions = [
  "create",
  "read",
  "update",
  "delete",
  "use",
  "start",
  "stop",
  "ssh",
  "application_connect",
  "assign",
  "unassign",
  "read_personal",
  "update_personal",
  "view_insights",
  "share",
  "create_agent",
  "delete_agent",
  "update_agent",
] as const
export type Action = (typeof actions)[number]

export const resources = [
  "api_key",
  "assign_org_role",
  "assign_role",
  "audit_log",
  "deployment_config",
  "deployment_stats",
  "file",
  "group",
  "inbox_notification",
  "license",
  "organization",
  "organization_member",
  "prebuilt_workspace",
  "provisioner_daemon",
  "provisioner_jobs",
  "template",
  "user",
  "workspace",
  "workspace_dormant",
] as const
export type Resource = (typeof resources)[number]

/** Actions by resource. `*` means every resource or every action. */
export type Permissions = { readonly [R in Resource | "*"]?: readonly (Action | "*")[] }

/**
 * The permissions of a role. A site role reaches the whole deployment, an organization role only
 * the objects of that organization. `any` covers every object in reach, `own` those that the actor
 * owns.
 */
export type RoleGrants = { readonly any?: Permissions; readonly own?: Permissions }

const oversight = {
  audit_log: ["read"],
  group: ["read"],
  organization: ["read"],
  organization_member: ["read"],
  template: ["read", "view_insights"],
} as const satisfies Permissions

const templateWork = {
  template: ["*"],
  file: ["create", "read"],
  group: ["read"],
  organization: ["read"],
  organization_member: ["read"],
  workspace: ["read"],
  prebuilt_workspace: ["update", "delete"],
  provisioner_daemon: ["create", "read", "update", "delete"],
  provisioner_jobs: ["create", "read", "update"],
} as const satisfies Permissions

const memberWork = {
  assign_org_role: ["assign", "unassign", "read"],
  group: ["*"],
  organization: ["read"],
  organization_member: ["*"],
} as const satisfies Permissions

/** Roles of the deployment. Everyone who signs in holds `member`. */
export const siteRoles = {
  owner: { any: { "*": ["*"] } },
  "user-admin": {
    any: { ...memberWork, assign_role: ["assign", "unassign", "read"], user: ["*"] },
  },
  "template-admin": { any: { ...templateWork, user: ["read"] } },
  auditor: {
    any: { ...oversight, deployment_config: ["read"], deployment_stats: ["read"], user: ["read"] },
  },
  member: {
    any: { assign_role: ["read"] },
    own: {
      api_key: ["create", "read", "update", "delete"],
      file: ["create", "read"],
      inbox_notification: ["create", "read", "update", "delete"],
      organization_member: ["read"],
      user: ["read", "read_personal", "update_personal"],
    },
  },
} as const satisfies Record<string, RoleGrants>

/** Roles in one organization. Every member holds `organization-member`. */
export const organizationRoles = {
  "organization-admin": {
    any: {
      ...memberWork,
      ...templateWork,
      audit_log: ["read"],
      organization: ["read", "update"],
      workspace: [
        "create",
        "read",
        "update",
        "delete",
        "start",
        "stop",
        "create_agent",
        "delete_agent",
      ],
      workspace_dormant: ["read", "update", "delete", "stop"],
      organization_member: ["*"],
      group: ["*"],
    },
  },
  "organization-user-admin": { any: memberWork },
  "organization-template-admin": { any: templateWork },
  "organization-auditor": { any: oversight },
  "organization-member": {
    any: {
      assign_org_role: ["read"],
      organization: ["read"],
      template: ["read", "use"],
    },
    own: {
      organization_member: ["read"],
      provisioner_jobs: ["read"],
      workspace: ["*"],
      workspace_dormant: ["read", "update", "delete", "stop"],
    },
  },
} as const satisfies Record<string, RoleGrants>

/**
 * The roles of actors that are not people. The lifecycle and the prebuilds reach the whole
 * deployment. A provisioner holds its role in the organization of its key, an agent in that of its
 * workspace, narrowed to that workspace. Nobody can be given one of these roles.
 */
export const systemSiteRoles = {
  "system-lifecycle": {
    any: {
      template: ["read"],
      user: ["read"],
      workspace: ["read", "update", "delete", "start", "stop"],
      workspace_dormant: ["read", "update", "delete"],
    },
  },
  "system-prebuilds": {
    any: {
      template: ["read", "use"],
      prebuilt_workspace: ["update", "delete"],
    },
    own: { workspace: ["create", "read", "update", "delete", "start", "stop"] },
  },
} as const satisfies Record<string, RoleGrants>

export const systemOrganizationRoles = {
  "system-provisioner": {
    any: {
      file: ["read"],
      provisioner_daemon: ["create", "read", "update"],
      provisioner_jobs: ["read", "update"],
      template: ["read"],
    },
  },
  "system-agent": {
    any: { workspace: ["read", "create_agent", "delete_agent", "update_agent"] },
  },
} as const satisfies Record<string, RoleGrants>

/** The role that every member of an organization holds. It does not reach private templates. */
export const plainMember = "organization-member" satisfies keyof typeof organizationRoles

export type SiteRole = keyof typeof siteRoles
export type OrganizationRole = keyof typeof organizationRoles

export type Reach = {
  siteAny: string[]
  siteOwn: string[]
  organizationAny: string[]
  organizationOwn: string[]
}

const allSite: Record<string, RoleGrants> = { ...siteRoles, ...systemSiteRoles }
const allOrganization: Record<string, RoleGrants> = {
  ...organizationRoles,
  ...systemOrganizationRoles,
}

/** The roles that allow an action on a kind of resource, by how far each reaches. */
export function reachOf(action: Action, resource: Resource | "*"): Reach {
  const holding = (roles: Record<string, RoleGrants>, part: keyof RoleGrants) =>
    Object.keys(roles).filter((role) => includes(roles[role]?.[part], action, resource))
  return {
    siteAny: holding(allSite, "any"),
    siteOwn: holding(allSite, "own"),
    organizationAny: holding(allOrganization, "any"),
    organizationOwn: holding(allOrganization, "own"),
  }
}

export function includes(
  permissions: Permissions | undefined,
  action: Action,
  resource: Resource | "*",
): boolean {
  const granted = new Set([...(permissions?.[resource] ?? []), ...(permissions?.["*"] ?? [])])
  return granted.has("*") || granted.has(action)
}
