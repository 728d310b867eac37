// Which texts are names: one rule for resources, others for versions and for display names.

const namePattern = /^[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*$/
const versionNamePattern = /^[a-zA-Z0-9]+(?:[_.-][a-zA-Z0-9]+)*$/
// Words that are path segments of the dashboard.
const reservedNames = new Set(["new", "create"])

/**
 * The name of a user, an organization, a template or a workspace: 1 to 32 letters, digits and
 * single hyphens between them.
 */
export function isResourceName(text: string): boolean {
  return text.length <= 32 && namePattern.test(text) && !reservedNames.has(text)
}

/** Path segments that a username may not be. A test compares them with the routes. */
export const reservedUsernames: ReadonlySet<string> = new Set([
  "me",
  "first",
  "login",
  "logout",
  "authmethods",
  "roles",
  "validate-password",
])

export const isUsername = (text: string): boolean =>
  isResourceName(text) && !reservedUsernames.has(text.toLowerCase())

/** `examples` is a path segment where the name of a template may stand. */
export const isTemplateName = (text: string): boolean =>
  isResourceName(text) && text.toLowerCase() !== "examples"

export function isTemplateVersionName(text: string): boolean {
  return text.length <= 64 && versionNamePattern.test(text)
}

/** The display name of an organization or a template; it may be empty. */
export function isDisplayName(text: string): boolean {
  return text.length <= 64 && text === text.trim()
}

/** The real name of a person; it may be empty. */
export function isRealName(text: string): boolean {
  return text.length <= 128 && text === text.trim()
}
