// `coder_app`, `coder_script` and `coder_env` as parts of their agent.
import type {
  reportedApp,
  ReportedAgent,
  reportedScript,
} from "../../../../../templates/manifest/reported.ts"
import type { z } from "zod"
import { anyText, block, flag, number, text } from "./attributes.ts"
import type { Instance, Values } from "./show-json.ts"
import { TemplateError } from "./template-error.ts"

type PlanApp = z.infer<typeof reportedApp>
type PlanScript = z.infer<typeof reportedScript>

export function appRow({ address, values = {} }: Instance): PlanApp {
  const slug = text(values, "slug")
  if (slug === undefined) {
    throw new TemplateError(`${address}: the slug of an app must be known before anything is made.`)
  }
  return {
    slug,
    display_name: text(values, "display_name") ?? slug,
    icon: text(values, "icon"),
    url: text(values, "url"),
    command: text(values, "command"),
    external: flag(values, "external"),
    subdomain: flag(values, "subdomain"),
    sharing_level: sharingLevel(text(values, "share")),
    healthcheck: healthcheckOf(block(values, "healthcheck")),
    order: number(values, "order"),
    group: text(values, "group"),
    hidden: flag(values, "hidden"),
    open_in: text(values, "open_in") === "tab" ? "tab" : "slim-window",
    tooltip: text(values, "tooltip"),
  }
}

/** What a newer provider may add is as private as can be. */
function sharingLevel(share: string | undefined): NonNullable<PlanApp["sharing_level"]> {
  return share === "authenticated" || share === "organization" || share === "public"
    ? share
    : "owner"
}

/** The URL may be unknown while planning; without it there is nothing to check. */
function healthcheckOf(check: Values | undefined): PlanApp["healthcheck"] {
  const url = text(check, "url")
  if (url === undefined) return undefined
  return {
    url,
    interval: number(check, "interval") ?? 0,
    threshold: number(check, "threshold") ?? 0,
  }
}

export const scriptRow = ({ values = {} }: Instance): PlanScript => ({
  display_name: text(values, "display_name"),
  icon: text(values, "icon"),
  script: anyText(values, "script"),
  cron: text(values, "cron"),
  log_path: text(values, "log_path"),
  run_on_start: flag(values, "run_on_start"),
  run_on_stop: flag(values, "run_on_stop"),
  start_blocks_login: flag(values, "start_blocks_login"),
  timeout_seconds: number(values, "timeout") || undefined,
})

/** The scripts that stand in the agent itself come first, under the names that clients know. */
export function ownScripts(agent: Values): PlanScript[] {
  const scripts: PlanScript[] = []
  const startup = text(agent, "startup_script")
  if (startup !== undefined) {
    const isBlocking = text(agent, "startup_script_behavior") === "blocking"
    scripts.push({
      display_name: "Startup Script",
      icon: "/emojis/25b6-fe0f.png",
      log_path: "coder-startup-script.log",
      script: startup,
      run_on_start: true,
      start_blocks_login: isBlocking,
    })
  }
  const shutdown = text(agent, "shutdown_script")
  if (shutdown !== undefined) {
    scripts.push({
      display_name: "Shutdown Script",
      icon: "/emojis/25c0.png",
      log_path: "coder-shutdown-script.log",
      script: shutdown,
      run_on_stop: true,
    })
  }
  return scripts
}

/** Merges `coder_env` in the order of the addresses; then the agent's own values win. */
export function mergeEnv(
  envs: readonly Instance[],
  own: Readonly<Record<string, string>>,
  agent: string,
): NonNullable<ReportedAgent["env"]> {
  const merged: Record<string, string> = {}
  for (const { address, values = {} } of envs) {
    const name = anyText(values, "name")
    const value = anyText(values, "value")
    const earlier = Object.hasOwn(merged, name) ? merged[name] : undefined
    switch (text(values, "merge_strategy")) {
      case "append":
        merged[name] = earlier === undefined ? value : `${earlier}:${value}`
        break
      case "prepend":
        merged[name] = earlier === undefined ? value : `${value}:${earlier}`
        break
      case "error":
        if (earlier !== undefined) {
          throw new TemplateError(
            `${address}: ${agent} already has a variable named ${JSON.stringify(name)}.`,
          )
        }
        merged[name] = value
        break
      default:
        merged[name] = value
    }
  }
  return { ...merged, ...own }
}
