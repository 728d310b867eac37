// Permission of the caller as SQL: a boolean over the columns of one object.
//
// It is compiled from the permission table. The actor is the one that authentication published to
// the transaction.
import { sql, type SQL } from "drizzle-orm"
import { texts } from "../platform/db/sql.ts"
import { plainMember, reachOf, type Action, type Resource } from "./permissions.ts"
import { allowListEntriesFor, scopesAllowing } from "./scopes.ts"

export type ResourceColumns = {
  /**
   * The object's id. Without it, a token whose allow list names single objects reaches nothing, and
   * a template counts as open to its whole organization.
   */
  id?: SQL
  /** The user who owns the object, if any. */
  owner?: SQL
  /** The organization of the object, if any. */
  organization?: SQL
}

/** The caller's user id, as SQL. */
export const actorId: SQL = sql`(select actor_id())`

/** A holder of roles and of a token, as SQL. Each function returns a boolean expression. */
type Principal = {
  id: SQL
  hasSiteRole: (roles: string[]) => SQL
  hasRoleIn: (organization: SQL, roles: string[]) => SQL
  hasScope: (scopes: string[]) => SQL
  isListed: (entries: SQL) => SQL
  /** The same for entries that depend on the row. */
  isNamed: (entries: SQL) => SQL
}

// What depends on the actor alone is a scalar sub-select: a list computes it once, not once a row.
const caller: Principal = {
  id: actorId,
  hasSiteRole: (roles) => sql`(select actor_has_site_role(${texts(roles)}))`,
  hasRoleIn: (organization, roles) =>
    sql`${organization} = any ((select actor_organizations(${texts(roles)}))::uuid[])`,
  hasScope: (scopes) => sql`(select actor_has_scope(${texts(scopes)}))`,
  isListed: (entries) => sql`(select actor_allow_list_has(${entries}))`,
  isNamed: (entries) => sql`actor_allow_list_has(${entries})`,
}

/** True if the caller may do `action` to the object with these columns. */
export function may(action: Action, resource: Resource, columns: ResourceColumns = {}): SQL {
  return compile(caller, action, resource, columns)
}

/**
 * The same for many keys at once, none being the caller's: true if the key `k` (api_keys) of the
 * user `u` (users) may do `action` to the object with these columns.
 *
 * The statement must join `keyMembership`: an object without an organization has no roles.
 */
export function keyMay(action: Action, resource: Resource, columns: ResourceColumns): SQL {
  return compile(keyHolder, action, resource, columns)
}

/**
 * True if the user `u` (users) may do `action` by their roles, without regard to a token. The
 * statement must join `keyMembership`.
 */
export function userMay(action: Action, resource: Resource, columns: ResourceColumns = {}): SQL {
  return compile(userHolder, action, resource, columns)
}

/** Joins, for `keyMay` and `userMay`, the membership that `u` holds in `organization`. */
export function keyMembership(organization: SQL): SQL {
  return sql`
    left join organization_members member
      on member.user_id = u.id and member.organization_id = ${organization}
    left join organizations member_of
      on member_of.id = member.organization_id and not member_of.deleted`
}

// By the same functions as user_actor(), which makes the caller's actor.
const keyHolder: Principal = {
  id: sql`u.id`,
  hasSiteRole: (roles) => sql`held_site_roles(u.site_roles) && ${texts(roles)}`,
  hasRoleIn: (_, roles) =>
    sql`(member_of.id is not null
      and held_organization_roles(member.roles,
        member_of.default_org_member_roles) && ${texts(roles)})`,
  hasScope: (scopes) => sql`k.scopes && ${texts(scopes)}`,
  isListed: (entries) => sql`k.allow_list && ${entries}`,
  isNamed: (entries) => sql`k.allow_list && ${entries}`,
}

const userHolder: Principal = {
  ...keyHolder,
  hasScope: () => sql`true`,
  isListed: () => sql`true`,
  isNamed: () => sql`true`,
}

function compile(
  who: Principal,
  action: Action,
  resource: Resource,
  columns: ResourceColumns,
): SQL {
  const { owner, organization } = columns
  const reach = reachOf(action, resource)
  const terms: SQL[] = [who.hasSiteRole(reach.siteAny)]
  if (organization && reach.organizationAny.length > 0) {
    const hasRole = who.hasRoleIn(organization, reach.organizationAny)
    const isOpen = openTo(who, resource, columns, reach.organizationAny)
    terms.push(isOpen === null ? hasRole : sql`(${hasRole} and ${isOpen})`)
  }
  if (owner && reach.siteOwn.length > 0) {
    terms.push(sql`(${owner} = ${who.id} and ${who.hasSiteRole(reach.siteOwn)})`)
  }
  if (owner && organization && reach.organizationOwn.length > 0) {
    terms.push(
      sql`(${owner} = ${who.id} and ${who.hasRoleIn(organization, reach.organizationOwn)})`,
    )
  }
  const isGranted = sql.join(terms, sql` or `)
  return sql`((${isGranted}) and ${tokenAllows(who, action, resource, columns.id)})`
}

/**
 * What a role in the organization needs beside itself; null if nothing. A private template is only
 * open to roles other than plain membership.
 */
function openTo(
  who: Principal,
  resource: Resource,
  { id, organization }: ResourceColumns,
  roles: string[],
): SQL | null {
  if (resource !== "template" || !id || !organization || !roles.includes(plainMember)) return null
  const others = roles.filter((role) => role !== plainMember)
  const isPrivate = sql`coalesce((select shown.disable_everyone_group_access
    from templates shown where shown.id = ${id}), false)`
  return sql`(${who.hasRoleIn(organization, others)} or not ${isPrivate})`
}

function tokenAllows(who: Principal, action: Action, resource: Resource, id: SQL | undefined): SQL {
  const isScoped = who.hasScope(scopesAllowing(action, resource))
  const isListed = who.isListed(texts(allowListEntriesFor(resource)))
  if (id === undefined) return sql`${isScoped} and ${isListed}`
  const isNamed = who.isNamed(sql`array[${resource}::text || ':' || ${id}, '*:' || ${id}]`)
  return sql`${isScoped} and (${isListed} or ${isNamed})`
}
