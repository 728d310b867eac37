// What a provisioner reports of a template or a build: parameters, variables, presets, resources.
//
// The manifest of an archive and the completions of imports and builds share these shapes.
import { z } from "@hono/zod-openapi"
import { pictureError, picturePattern } from "../../platform/picture.ts"

export const nameLengthMax = 256
/** Parameters, variables and presets. */
export const entryNameLengthMax = 128
export const textLengthMax = 8_192
export const iconLengthMax = 256
export const patternLengthMax = 1_024
export const optionCountMax = 256
export const cronLengthMax = 256
export const scheduleCountMax = 100

const name = z.string().min(1).max(nameLengthMax)
const text = z.string().max(textLengthMax)
const picture = z.string().max(iconLengthMax).regex(picturePattern, pictureError)
export const order = z.int().min(-100_000).max(100_000)
/** What PostgreSQL's integer holds. */
export const int32 = z.int().min(-2_147_483_648).max(2_147_483_647)
const seconds = z.int().min(0).max(31_536_000)

/** Unique within a build. */
const agentName = z
  .string()
  .max(64)
  .regex(/^[a-z0-9](-?[a-z0-9])*$/i)
const appSlug = z
  .string()
  .max(64)
  .regex(/^[a-z0-9](-?[a-z0-9])*$/)

export const reportedParameter = z.object({
  name: name.max(entryNameLengthMax),
  display_name: text.optional(),
  description: text.optional(),
  type: z.enum(["string", "number", "bool", "list(string)"]).default("string"),
  form_type: z
    .enum([
      "",
      "radio",
      "dropdown",
      "input",
      "textarea",
      "slider",
      "checkbox",
      "switch",
      "tag-select",
      "multi-select",
      "error",
    ])
    .default(""),
  mutable: z.boolean().default(false),
  default_value: text.optional(),
  icon: picture.optional(),
  options: z
    .array(
      z.object({
        name,
        description: text.optional(),
        value: text,
        icon: picture.optional(),
      }),
    )
    .max(optionCountMax)
    .optional(),
  validation_error: text.optional(),
  validation_regex: z.string().max(patternLengthMax).optional(),
  validation_min: int32.optional(),
  validation_max: int32.optional(),
  validation_monotonic: z.enum(["increasing", "decreasing"]).optional(),
  /** Absent: required when there is no default. */
  required: z.boolean().optional(),
  ephemeral: z.boolean().default(false),
  order: order.optional(),
})

export const reportedVariable = z.object({
  name: name.max(entryNameLengthMax),
  description: text.optional(),
  type: z.enum(["string", "number", "bool"]).default("string"),
  default_value: text.optional(),
  required: z.boolean().optional(),
  sensitive: z.boolean().default(false),
})

/** The rules of pools check the list of crons. */
export const reportedPreset = z.object({
  name: name.max(entryNameLengthMax),
  default: z.boolean().default(false),
  description: z.string().max(128).optional(),
  icon: picture.optional(),
  parameters: z.record(z.string().max(128), text).default({}),
  prebuilds: z
    .object({
      instances: z.int().min(0).max(1_000),
      expiration_policy: z.object({ ttl: seconds }).optional(),
      scheduling: z
        .object({
          timezone: z.string().max(64),
          schedule: z
            .array(
              z.object({
                cron: z.string().max(cronLengthMax),
                instances: z.int().min(0).max(1_000),
              }),
            )
            .min(1)
            .max(scheduleCountMax),
        })
        .optional(),
    })
    .optional(),
})

export const reportedApp = z.object({
  slug: appSlug,
  display_name: text.optional(),
  icon: picture.optional(),
  url: text.optional(),
  command: text.optional(),
  external: z.boolean().optional(),
  subdomain: z.boolean().optional(),
  sharing_level: z.enum(["owner", "authenticated", "organization", "public"]).optional(),
  healthcheck: z
    .object({ url: text, interval: seconds, threshold: z.int().min(0).max(1_000) })
    .optional(),
  order: order.optional(),
  group: z.string().max(256).optional(),
  hidden: z.boolean().optional(),
  open_in: z.enum(["slim-window", "tab"]).optional(),
  tooltip: text.optional(),
})

export const reportedScript = z.object({
  display_name: text.optional(),
  script: z.string().max(262_144),
  cron: z.string().max(128).optional(),
  run_on_start: z.boolean().optional(),
  run_on_stop: z.boolean().optional(),
  start_blocks_login: z.boolean().optional(),
  timeout_seconds: seconds.optional(),
  log_path: text.optional(),
  icon: picture.optional(),
})

export const reportedAgentMetadata = z.object({
  key: name,
  display_name: text.optional(),
  script: text,
  interval_seconds: seconds.optional(),
  timeout_seconds: seconds.optional(),
  order: order.optional(),
})

export const reportedAgent = z.object({
  name: agentName,
  os: z.string().max(64).optional(),
  arch: z.string().max(64).optional(),
  directory: text.optional(),
  env: z.record(z.string().max(256), text).optional(),
  /** Only if the infrastructure chose the token; otherwise the one minted at acquire is valid. */
  token: z.uuid().optional(),
  instance_id: z.string().max(256).optional(),
  api_key_scope: z.enum(["all", "no_user_data"]).optional(),
  connection_timeout_seconds: seconds.optional(),
  troubleshooting_url: text.regex(/^(https?:\/\/.*)?$/i, "must be an http or https URL").optional(),
  motd_file: text.optional(),
  display_apps: z
    .array(
      z.enum(["vscode", "vscode_insiders", "web_terminal", "port_forwarding_helper", "ssh_helper"]),
    )
    .max(5)
    .optional(),
  order: order.optional(),
  apps: z.array(reportedApp).max(128).optional(),
  scripts: z.array(reportedScript).max(128).optional(),
  metadata: z.array(reportedAgentMetadata).max(128).optional(),
})

export const reportedResource = z.object({
  type: name,
  name,
  icon: picture.optional(),
  hide: z.boolean().optional(),
  daily_cost: z.int().min(0).max(1_000_000_000).optional(),
  metadata: z
    .array(
      z.object({
        key: name,
        value: z.string().max(65_536).nullish(),
        sensitive: z.boolean().optional(),
      }),
    )
    .max(256)
    .optional(),
  agents: z.array(reportedAgent).max(64).optional(),
})

export const reportedResources = z.array(reportedResource).max(1_024)

/** A resource that a build replaced, and the attributes that forced it. */
export const reportedReplacement = z.object({
  resource: z.string().min(1).max(1_024),
  paths: z.array(z.string().max(1_024)).max(256).default([]),
})
export const reportedReplacements = z.array(reportedReplacement).max(1_024)

export type ReportedParameter = z.infer<typeof reportedParameter>
export type ReportedVariable = z.infer<typeof reportedVariable>
export type ReportedPreset = z.infer<typeof reportedPreset>
export type ReportedAgent = z.infer<typeof reportedAgent>
export type ReportedReplacement = z.infer<typeof reportedReplacement>
export type ReportedResource = z.infer<typeof reportedResource>

/** The resource type of an agent whose machine runs elsewhere. */
export const externalAgentType = "coder_external_agent"
