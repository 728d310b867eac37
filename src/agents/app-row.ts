// The row of an app that a provisioner's plan or the parent of a sub agent describes.

type Maybe<T> = T | null | undefined

type AppDescription = {
  display_name?: Maybe<string>
  icon?: Maybe<string>
  command?: Maybe<string>
  url?: Maybe<string>
  external?: Maybe<boolean>
  subdomain?: Maybe<boolean>
  healthcheck?: Maybe<{ url: string; interval: number; threshold: number }>
  order?: Maybe<number>
  group?: Maybe<string>
  hidden?: Maybe<boolean>
  open_in?: Maybe<string>
  tooltip?: Maybe<string>
}

/** Links of desktop editors. Clients put a session token into them, and into no others. */
const editorSchemes = [
  "vscode",
  "vscode-insiders",
  "cursor",
  "windsurf",
  "kiro",
  "positron",
  "antigravity",
  "jetbrains",
  "jetbrains-gateway",
]
const webPattern = /^https?:\/\//i
const editorPattern = new RegExp(`^(${editorSchemes.join("|")})://`, "i")
const sessionToken = "$SESSION_TOKEN"

/**
 * Returns why an app must not have its URL, or null.
 *
 * A browser of any viewer follows the link, so `javascript:` and the like are refused. A web page
 * must not receive the viewer's session token.
 */
export function findAppUrlError(
  app: Pick<AppDescription, "url" | "external" | "healthcheck">,
): string | null {
  const { url, external, healthcheck } = app
  if (healthcheck?.url && !webPattern.test(healthcheck.url))
    return "The URL of a health check must begin with http:// or https://."
  if (!url) return null
  if (webPattern.test(url)) {
    const isTokenSent = url.includes(sessionToken)
    return isTokenSent ? `Only a link to an editor may contain ${sessionToken}.` : null
  }
  if (external !== true) return "The URL must begin with http:// or https://."
  if (editorPattern.test(url)) return null
  const schemes = ["http", "https", ...editorSchemes].join(", ")
  return `The URL of an external app must begin with one of these schemes: ${schemes}.`
}

/**
 * Returns the columns of `workspace_apps` except the agent's. The id is made here, so that one
 * statement can insert the app together with everything else.
 */
export function toAppRow(app: AppDescription, slug: string, sharingLevel: Maybe<string>): object {
  return {
    id: crypto.randomUUID(),
    slug,
    display_name: app.display_name ?? "",
    icon: app.icon ?? "",
    command: app.command ?? "",
    url: app.url ?? "",
    external: app.external ?? false,
    subdomain: app.subdomain ?? false,
    sharing_level: sharingLevel ?? "owner",
    healthcheck_url: app.healthcheck?.url ?? "",
    healthcheck_interval_seconds: app.healthcheck?.interval ?? 0,
    healthcheck_threshold: app.healthcheck?.threshold ?? 0,
    // Without a check the health is never known; with one it is not known yet.
    health: app.healthcheck?.url ? "initializing" : "disabled",
    display_order: app.order ?? 0,
    display_group: app.group ?? "",
    hidden: app.hidden ?? false,
    open_in: app.open_in ?? "slim-window",
    tooltip: app.tooltip ?? "",
  }
}
