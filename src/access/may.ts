// May the caller do this? As SQL: a boolean over the columns of one object, compiled from the permission table and decided by
// the actor that authentication published to the transaction.
import { sql, type SQL } from "drizzle-orm"
import { texts } from "../db/sql.ts"
import { reachOf, type Action, type Resource } from "./permissions.ts"
import { allowListEntriesFor, scopesAllowing } from "./scopes.ts"

export type ResourceColumns = {
  /** The object's own id, for tokens whose allow list names single objects. Left out, such a token reaches nothing here. */
  id?: SQL
  /** The user who owns the object, where one does. */
  owner?: SQL
  /** The organization that the object lies in, where it does. */
  organization?: SQL
}

/** The caller's user id, as SQL. */
export const actorId: SQL = sql`(select actor_id())`

/**
 * True where the caller may do `action` to the object with these columns.
 * What depends on the actor alone is a scalar sub-select, so that a list computes it once and not once a row.
 */
export function may(action: Action, resource: Resource, columns: ResourceColumns = {}): SQL {
  const { id, owner, organization } = columns
  const reach = reachOf(action, resource)
  const within = (roles: string[], organization: SQL) =>
    sql`${organization} = any ((select actor_organizations(${texts(roles)}))::uuid[])`
  const terms: SQL[] = [sql`(select actor_has_site_role(${texts(reach.siteAny)}))`]
  if (organization && reach.organizationAny.length > 0)
    terms.push(within(reach.organizationAny, organization))
  if (owner && reach.siteOwn.length > 0) {
    terms.push(sql`(${owner} = ${actorId} and (select actor_has_site_role(${texts(reach.siteOwn)})))`)
  }
  if (owner && organization && reach.organizationOwn.length > 0) {
    terms.push(sql`(${owner} = ${actorId} and ${within(reach.organizationOwn, organization)})`)
  }
  return sql`((${sql.join(terms, sql` or `)}) and ${tokenAllows(action, resource, id)})`
}

function tokenAllows(action: Action, resource: Resource, id: SQL | undefined): SQL {
  const isScoped = sql`(select actor_has_scope(${texts(scopesAllowing(action, resource))}))`
  const isListed = sql`(select actor_allow_list_has(${texts(allowListEntriesFor(resource))}))`
  if (id === undefined) return sql`${isScoped} and ${isListed}`
  return sql`${isScoped} and (${isListed} or actor_allow_list_has(array[${resource}::text || ':' || ${id}, '*:' || ${id}]))`
}
