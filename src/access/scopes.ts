// Scopes and allow lists of tokens.
//
// Scopes narrow the owner's permissions to kinds of work, an allow list to single objects. Neither
// adds a permission.
import {
  actions,
  includes,
  resources,
  type Action,
  type Permissions,
  type Resource,
} from "./permissions.ts"

/** Scopes for a kind of work. `<resource>:<action>` and `<resource>:*` are scopes too. */
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

/** The names that older clients use. */
const legacy: Record<string, string> = {
  all: "coder:all",
  application_connect: "coder:application_connect",
}

const isResource = (text: string): text is Resource =>
  resources.some((resource) => resource === text)
const isAction = (text: string): text is Action => actions.some((action) => action === text)

/** The scope's canonical name; null if there is no such scope. */
export function canonicalScope(text: string): string | null {
  const name = Object.hasOwn(legacy, text) ? (legacy[text] ?? text) : text
  if (Object.hasOwn(composites, name)) return name
  const [resource = "", action = "", ...more] = name.split(":")
  if (more.length > 0 || !isResource(resource)) return null
  return action === "*" || isAction(action) ? name : null
}

/** The scopes that pages offer. */
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

/** `type:id`, where either part may be `*`; null if the text has another form. */
export function canonicalAllowListEntry(text: string): string | null {
  const [, type] = allowListPattern.exec(text.toLowerCase()) ?? []
  return type !== undefined && (type === "*" || isResource(type)) ? text.toLowerCase() : null
}

/** The allow list entries that cover every object of a resource. */
export const allowListEntriesFor = (resource: Resource | "*"): string[] => [
  "*:*",
  ...(resource === "*" ? [] : [`${resource}:*`]),
]
