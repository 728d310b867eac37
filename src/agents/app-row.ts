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
