// Who may give which role.
//
// A person may give, take or act on a role only if they may already do everything it allows.
// So nobody gains permissions through another person's account.
import { sql, type SQL } from "drizzle-orm"
import {
  actions,
  includes,
  organizationRoles,
  resources,
  siteRoles,
  type Permissions,
  type RoleGrants,
} from "./permissions.ts"
import { assignableOrganizationRoles, assignableSiteRoles } from "./role-names.ts"

const granted = (permissions: Permissions | undefined) =>
  [...resources, "*" as const].flatMap((resource) =>
    actions
      .filter((action) => includes(permissions, action, resource))
      .map((action) => `${resource}:${action}`),
  )

/** True when `above` allows everything that `below` does. */
function dominates(above: RoleGrants, below: RoleGrants): boolean {
  const any = new Set(granted(above.any))
  const own = new Set([...any, ...granted(above.own)])
  return (
    granted(below.any).every((permission) => any.has(permission)) &&
    granted(below.own).every((permission) => own.has(permission))
  )
}

const dominatorsIn = (roles: Record<string, RoleGrants>, role: RoleGrants) =>
  Object.keys(roles).filter((candidate) => dominates(roles[candidate] ?? {}, role))

/** The site roles whose holders may give each site role. */
export const siteRoleGivers: Record<string, string[]> = Object.fromEntries(
  assignableSiteRoles.map((role) => [role, dominatorsIn(siteRoles, Reflect.get(siteRoles, role))]),
)

/** The site and organization roles whose holders may give each organization role. */
export const organizationRoleGivers: Record<string, { site: string[]; organization: string[] }> =
  Object.fromEntries(
    assignableOrganizationRoles.map((role) => {
      const grants: RoleGrants = Reflect.get(organizationRoles, role)
      return [
        role,
        {
          site: dominatorsIn(siteRoles, grants),
          organization: dominatorsIn(organizationRoles, grants),
        },
      ]
    }),
  )

/**
 * True if the caller may give all of these site roles, a text[]. Nobody may give an unknown role.
 */
export function mayGiveSiteRoles(roles: SQL): SQL {
  const arms = assignableSiteRoles.map(
    (role) =>
      sql`when ${role}::text then
        (select actor_has_site_role(${sql.param(siteRoleGivers[role])}::text[]))`,
  )
  return sql`not exists (select 1 from unnest(${roles}) given (role)
    where not (case given.role ${sql.join(arms, sql` `)} else false end))`
}

/** The same for organization roles. */
export function mayGiveOrganizationRoles(roles: SQL, organization: SQL): SQL {
  const arms = assignableOrganizationRoles.map((role) => {
    const givers = organizationRoleGivers[role]
    return sql`when ${role}::text then
      (select actor_has_site_role(${sql.param(givers?.site)}::text[]))
      or ${organization} = any (
        (select actor_organizations(${sql.param(givers?.organization)}::text[]))::uuid[])`
  })
  return sql`not exists (select 1 from unnest(${roles}) given (role)
    where not (case given.role ${sql.join(arms, sql` `)} else false end))`
}
