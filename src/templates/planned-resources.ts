/**
 * The resources and agents of a template, as a manifest plans them and as an engine reports them after a build.
 * Plain zod without the OpenAPI extension: the provisioner daemon reads it too.
 */
import { z } from "zod"

const NAME_LENGTH_MAX = 64
const TEXT_LENGTH_MAX = 1024
const SCRIPT_LENGTH_MAX = 65_536
export const RESOURCE_COUNT_MAX = 200
const AGENT_COUNT_MAX = 20
const ITEM_COUNT_MAX = 100

const text = z.string().max(TEXT_LENGTH_MAX)
/** Anything but a NUL byte, which PostgreSQL cannot store. */
const script = z
  .string()
  .max(SCRIPT_LENGTH_MAX)
  .refine((value) => !value.includes("\0"), "must not contain NUL bytes")
const agentName = z
  .string()
  .max(NAME_LENGTH_MAX)
  .regex(/^[a-z0-9](-?[a-z0-9])*$/i, "must be letters and digits with single dashes between them")
const appSlug = z
  .string()
  .max(NAME_LENGTH_MAX)
  .regex(/^[a-z0-9](-?[a-z0-9])*$/, "must be lower-case letters and digits with single dashes between them")
const seconds = z.int().min(0).max(86_400)

const plannedApp = z.object({
  slug: appSlug.describe("Unique within the agent; part of the app's address."),
  display_name: text.optional(),
  url: text.optional().describe("Where the app listens, seen from the agent; or any address when external."),
  command: text.optional().describe("A command to run in a terminal, instead of a url."),
  icon: text.optional(),
  external: z.boolean().optional().describe("The url is opened as it is, in the user's own browser."),
  subdomain: z.boolean().optional(),
  sharing_level: z.enum(["owner", "authenticated", "organization", "public"]).optional(),
  healthcheck: z
    .object({ url: text, interval: seconds.min(1), threshold: z.int().min(1).max(1000) })
    .optional()
    .describe("Polled by the agent every interval seconds; unhealthy after threshold failures."),
  group: text.optional(),
  hidden: z.boolean().optional(),
  open_in: z.enum(["slim-window", "tab"]).optional(),
  tooltip: text.optional(),
  order: z.int().optional(),
})

const plannedScript = z.object({
  display_name: text,
  script,
  icon: text.optional(),
  log_path: text.optional(),
  cron: text.optional(),
  run_on_start: z.boolean().optional(),
  run_on_stop: z.boolean().optional(),
  start_blocks_login: z.boolean().optional(),
  timeout_seconds: seconds.optional(),
})

const plannedAgentMetadata = z.object({
  key: text.min(1),
  display_name: text.optional(),
  script,
  interval_seconds: seconds.min(1),
  timeout_seconds: seconds.optional(),
  order: z.int().optional(),
})

const plannedAgent = z.object({
  name: agentName.describe("Unique within the template."),
  os: z.enum(["linux", "darwin", "windows"]),
  arch: z.enum(["amd64", "arm64", "armv7"]),
  directory: text.optional(),
  env: z.record(z.string().min(1).max(256), script).optional(),
  apps: z.array(plannedApp).max(ITEM_COUNT_MAX).optional(),
  scripts: z.array(plannedScript).max(ITEM_COUNT_MAX).optional(),
  metadata: z.array(plannedAgentMetadata).max(ITEM_COUNT_MAX).optional(),
  display_apps: z
    .array(z.enum(["vscode", "vscode_insiders", "web_terminal", "port_forwarding_helper", "ssh_helper"]))
    .max(5)
    .optional(),
  connection_timeout_seconds: seconds
    .optional()
    .describe("How long the agent may take to connect before it counts as late. 120 when absent, 0 = never."),
  troubleshooting_url: text.optional(),
  motd_file: text.optional(),
  api_key_scope: z.enum(["all", "no_user_data"]).optional(),
  order: z.int().optional(),
})

const plannedResourceMetadata = z.object({
  key: text.min(1),
  value: z.string().max(SCRIPT_LENGTH_MAX).nullable().optional(),
  sensitive: z.boolean().optional(),
})

export const plannedResource = z.object({
  type: z.string().min(1).max(NAME_LENGTH_MAX),
  name: z.string().min(1).max(NAME_LENGTH_MAX),
  icon: text.optional(),
  hide: z.boolean().optional(),
  daily_cost: z.int().min(0).max(1_000_000_000).optional(),
  metadata: z.array(plannedResourceMetadata).max(ITEM_COUNT_MAX).optional(),
  agents: z.array(plannedAgent).max(AGENT_COUNT_MAX).optional(),
})

/** A list of resources whose agent names are unique, and whose apps are unique within their agent. */
export const plannedResources = z
  .array(plannedResource)
  .max(RESOURCE_COUNT_MAX)
  .superRefine(refuseDuplicateNames)

export type PlannedResource = z.infer<typeof plannedResource>
export type PlannedAgent = z.infer<typeof plannedAgent>
export type PlannedApp = z.infer<typeof plannedApp>

/** The resource type that marks a workspace whose machine is made and run elsewhere. */
export const EXTERNAL_AGENT_TYPE = "coder_external_agent"

export const hasExternalAgent = (resources: readonly PlannedResource[]): boolean =>
  resources.some((resource) => resource.type === EXTERNAL_AGENT_TYPE)

/** Agent names are unique within a build (ignoring case), app slugs within their agent. */
export function refuseDuplicateNames(resources: readonly PlannedResource[], ctx: z.RefinementCtx) {
  const refuse = (path: (string | number)[], message: string) =>
    ctx.addIssue({ code: "custom", path, message })
  const agentNames = new Set<string>()
  for (const [resourceIndex, resource] of resources.entries()) {
    for (const [agentIndex, agent] of (resource.agents ?? []).entries()) {
      const path = [resourceIndex, "agents", agentIndex]
      const name = agent.name.toLowerCase()
      if (agentNames.has(name)) refuse([...path, "name"], `another agent is named "${agent.name}"`)
      agentNames.add(name)
      const slugs = new Set<string>()
      for (const [appIndex, app] of (agent.apps ?? []).entries()) {
        const place = [...path, "apps", appIndex, "slug"]
        if (slugs.has(app.slug)) refuse(place, `another app of the agent has the slug "${app.slug}"`)
        slugs.add(app.slug)
      }
    }
  }
}
