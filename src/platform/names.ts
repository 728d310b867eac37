// Which texts are names (api.md 0.5): one rule for users, organizations, templates and workspaces, others for versions and labels.

const namePattern = /^[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*$/
const versionNamePattern = /^[a-zA-Z0-9]+(?:[_.-][a-zA-Z0-9]+)*$/
// Words that are path segments of the dashboard.
const reservedNames = new Set(["new", "create"])

/** Of a user, an organization, a template or a workspace: 1 to 32 letters, digits and single hyphens between them. */
export function isResourceName(text: string): boolean {
  return text.length <= 32 && namePattern.test(text) && !reservedNames.has(text)
}

export function isTemplateVersionName(text: string): boolean {
  return text.length <= 64 && versionNamePattern.test(text)
}

/** Of an organization or a template; empty is allowed. */
export function isDisplayName(text: string): boolean {
  return text.length <= 64 && text === text.trim()
}

/** Of a person; empty is allowed. */
export function isRealName(text: string): boolean {
  return text.length <= 128 && text === text.trim()
}
