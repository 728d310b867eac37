// Permission of an actor on one object, decided in TypeScript.
//
// may.ts answers the same question in SQL.
import type { Actor } from "./actors.ts"
import { plainMember, reachOf, type Action, type Resource } from "./permissions.ts"
import { allowListEntriesFor, scopesAllowing } from "./scopes.ts"

export type ProtectedObject = {
  id?: string | undefined
  owner?: string | null | undefined
  organization?: string | null | undefined
  /** A template that is closed to plain members of its organization. */
  isPrivate?: boolean | undefined
}

/** The roles of an actor. A system actor has an id if it owns things. */
export type RoleHolder = {
  id?: string | undefined
  roles: readonly string[]
  organizations: Readonly<Record<string, readonly string[]>>
  /** Null if the credential is not a token: nothing narrows it. */
  scopes: readonly string[] | null
  allowList: readonly string[] | null
}

export function roleHolderOf(actor: Actor): RoleHolder {
  if (actor.kind === "user") return { ...actor, scopes: actor.scopes, allowList: actor.allow_list }
  const isAgent = actor.kind === "agent"
  return {
    roles: [],
    organizations: { [actor.organization_id]: [isAgent ? "system-agent" : "system-provisioner"] },
    scopes: null,
    allowList: isAgent ? [`workspace:${actor.workspace_id}`] : null,
  }
}

export function isAllowed(
  who: RoleHolder,
  action: Action,
  resource: Resource | "*",
  object: ProtectedObject = {},
): boolean {
  const reach = reachOf(action, resource)
  const isOwn = who.id !== undefined && object.owner === who.id
  const { organization } = object
  const held =
    (organization && Object.hasOwn(who.organizations, organization)
      ? who.organizations[organization]
      : undefined) ?? []
  const inOrganization = object.isPrivate ? held.filter((role) => role !== plainMember) : held
  const holds = (held: readonly string[], wanted: string[]) =>
    held.some((role) => wanted.includes(role))
  const hasRole =
    holds(who.roles, reach.siteAny) ||
    holds(inOrganization, reach.organizationAny) ||
    (isOwn && holds(who.roles, reach.siteOwn)) ||
    (isOwn && holds(inOrganization, reach.organizationOwn))
  return hasRole && isInScope(who, action, resource) && isListed(who, resource, object.id)
}

function isInScope({ scopes }: RoleHolder, action: Action, resource: Resource | "*"): boolean {
  const allowing = scopesAllowing(action, resource)
  return scopes === null || scopes.some((scope) => allowing.includes(scope))
}

function isListed(
  { allowList }: RoleHolder,
  resource: Resource | "*",
  id: string | undefined,
): boolean {
  const entries = allowListEntriesFor(resource)
  if (id !== undefined) entries.push(`${resource}:${id}`, `*:${id}`)
  return allowList === null || allowList.some((entry) => entries.includes(entry))
}
