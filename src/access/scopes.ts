// What a token may be used for: its scopes narrow its owner's permissions to kinds of work, its allow list to single objects.
// Neither ever adds anything.
import {
  actions,
  includes,
  resources,
  type Action,
  type Permissions,
  type Resource,
} from "./permissions.ts"

/** Scopes that name a kind of work. Besides them there is `<resource>:<action>` and `<resource>:*`. */
const composites: Record<string, Permissions> = {
  "coder:all": { "*": ["*"] },
  "coder:application_connect": { workspace: ["read", "application_connect"] },
  "coder:workspaces.create": { template: ["read", "use"], workspace: ["create", "read", "update"] },
  "coder:workspaces.operate": {
    template: ["read"],
    workspace: ["read", "update", "start", "stop"],
  },
  "coder:workspaces.delete": { template: ["read", "use"], workspace: ["read", "delete"] },
  "coder:workspaces.access": {
    template: ["read"],
    workspace: ["read", "ssh", "application_connect"],
  },
  "coder:templates.build": {
    template: ["read"],
    file: ["create", "read"],
    provisioner_jobs: ["read"],
  },
  "coder:templates.author": {
    template: ["read", "create", "update", "delete", "view_insights"],
    file: ["create", "read"],
  },
  "coder:apikeys.manage_self": { api_key: ["create", "read", "update", "delete"] },
}

/** The names that older clients know. */
const legacy: Record<string, string> = {
  all: "coder:all",
  application_connect: "coder:application_connect",
}

const isResource = (text: string): text is Resource =>
  resources.some((resource) => resource === text)
const isAction = (text: string): text is Action => actions.some((action) => action === text)

/** The scope's canonical name; null where there is no such scope. */
export function canonicalScope(text: string): string | null {
  const name = legacy[text] ?? text
  if (name in composites) return name
  const [resource = "", action = "", ...more] = name.split(":")
  if (more.length > 0 || !isResource(resource)) return null
  return action === "*" || isAction(action) ? name : null
}

/** The scopes that can be asked for, for pages that offer them. */
export const externalScopes: readonly string[] = Object.keys(composites).sort()

/** Every scope that includes the action on the resource. */
export function scopesAllowing(action: Action, resource: Resource | "*"): string[] {
  const found = Object.entries(composites).filter(([, permissions]) =>
    includes(permissions, action, resource),
  )
  const single = resource === "*" ? [] : [`${resource}:*`, `${resource}:${action}`]
  return [...found.map(([name]) => name), ...single]
}

const allowListPattern = /^(\*|[a-z_]+):(\*|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/

/** `type:id`, either part may be `*`; null where the text is not of this form. */
export function canonicalAllowListEntry(text: string): string | null {
  const [, type] = allowListPattern.exec(text.toLowerCase()) ?? []
  return type !== undefined && (type === "*" || isResource(type)) ? text.toLowerCase() : null
}

/** The entries of an allow list that cover a resource of which only the kind is known. */
export const allowListEntriesFor = (resource: Resource | "*"): string[] => [
  "*:*",
  ...(resource === "*" ? [] : [`${resource}:*`]),
]
