// The provisioner protocol: what a daemon sends and receives over HTTPS. All of it is JSON under
// `/api/v2`, with the daemon's key in `Coder-Provisioner-Daemon-Key`. The daemon in `src/programs`
// imports the types alone.
import { z } from "@hono/zod-openapi"
import { tagSet } from "../tags.ts"
import {
  reportedParameter,
  reportedPreset,
  reportedReplacements,
  reportedResources,
  reportedVariable,
} from "../../templates/manifest/reported.ts"
import { stateText } from "../../templates/manifest/state-size.ts"

export const daemonKeyHeader = "Coder-Provisioner-Daemon-Key"

const namedValue = z.object({ name: z.string(), value: z.string() })
/** `given`: somebody set the value; else it is the template's default, or nothing. */
const variableValue = namedValue.extend({ sensitive: z.boolean(), given: z.boolean() })

export const jobType = z.enum([
  "template_version_import",
  "workspace_build",
  "template_version_dry_run",
])
export const transition = z.enum(["start", "stop", "delete"])
/** What carries out a template. On the wire its provisioner is `terraform` all the same. */
export const engineName = z.enum(["script", "terraform"])

export const registerRequest = z.object({
  name: z
    .string()
    .max(64)
    .regex(/^[a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?$/),
  version: z.string().max(64).default(""),
  api_version: z.string().max(16).default("1.0"),
  provisioners: z
    .array(z.enum(["terraform", "echo"]))
    .min(1)
    .max(2),
  /** Only where the key has no tags of its own. */
  tags: tagSet.optional(),
})

export const acquiredJob = z.object({
  job_id: z.uuid(),
  type: jobType,
  created_at: z.string(),
  organization: z.object({ id: z.uuid(), name: z.string() }),
  initiator: z.object({ id: z.uuid(), username: z.string() }),
  /**
   * The archive as it was uploaded: `GET .../jobs/{job}/file`. The same content has an id for each
   * person who uploaded it.
   */
  file_id: z.uuid(),
  file_hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .openapi({
      description:
        "SHA-256 of the archive's bytes in lower-case hex: what to keep it under, and to check what was fetched against.",
      example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    }),
  file_mimetype: z.string(),
  tags: z.record(z.string(), z.string()),
  template: z
    .object({
      id: z.uuid().nullable(),
      name: z.string(),
      version_id: z.uuid(),
      version_name: z.string(),
    })
    .nullable(),
  access_url: z.string(),
  /** Whom the job is for: the owner of a build's workspace, else the person who asked. */
  owner: z.object({
    id: z.uuid(),
    username: z.string(),
    email: z.string(),
    name: z.string(),
    login_type: z.string(),
    groups: z.array(z.string()),
    /** `org_id` is empty for a role of the whole site. */
    roles: z.array(z.object({ name: z.string(), org_id: z.string() })),
    /** Only for builds. */
    ssh_key: z.object({ public: z.string(), private: z.string() }).optional(),
  }),
  import: z.object({ user_variable_values: z.array(namedValue) }).optional(),
  dry_run: z
    .object({
      workspace_name: z.string(),
      parameters: z.array(namedValue),
      variables: z.array(variableValue),
    })
    .optional(),
  build: z
    .object({
      id: z.uuid(),
      number: z.int(),
      transition,
      reason: z.string(),
      workspace: z.object({ id: z.uuid(), name: z.string(), created_at: z.string() }),
      owner: z.object({ id: z.uuid(), username: z.string(), email: z.string(), name: z.string() }),
      parameters: z.array(namedValue),
      previous_parameters: z.array(namedValue),
      variables: z.array(variableValue),
      state: z.string().nullable(),
      /** `create`: a prebuild of the pool; `claim`: one that was just given to a person. */
      stage: z.enum(["regular", "create", "claim"]),
      /** Minted for this job alone, by agent name of the version's plan; empty unless it starts. */
      agent_tokens: z.record(z.string(), z.string()),
      access_url: z.string(),
      log_level: z.string().optional(),
      /** The request confirmed that persistent resources may be destroyed. */
      allows_data_loss: z.boolean(),
    })
    .optional(),
})

export const logLevel = z.enum(["trace", "debug", "info", "warn", "error"])
export const logSource = z.enum(["provisioner_daemon", "provisioner"])

/**
 * A line longer than 1024 characters and a stage longer than 128 are cut; NUL bytes are dropped.
 */
export const logLine = z.object({
  created_at: z.iso.datetime({ offset: true }),
  source: logSource.default("provisioner"),
  level: logLevel.default("info"),
  stage: z.string().max(4_096).default(""),
  output: z.string().max(4_194_304),
})

/** Each update is the job's lease, even an empty one. */
export const updateRequest = z.object({
  logs: z.array(logLine).max(5_000).optional(),
  readme: z.string().max(1_048_576).optional(),
})
export const updateResponse = z.object({ canceled: z.boolean() })

export const timing = z.object({
  started_at: z.string().max(64),
  ended_at: z.string().max(64),
  stage: z.string().max(64),
  source: z.string().max(256).default(""),
  action: z.string().max(256).default(""),
  resource: z.string().max(256).default(""),
})

export const importPlan = z.object({
  parameters: z.array(reportedParameter).max(512).default([]),
  presets: z.array(reportedPreset).max(256).default([]),
  variables: z.array(reportedVariable).max(1_024).default([]),
  resources_start: reportedResources.default([]),
  resources_stop: reportedResources.default([]),
  tags: tagSet.default({}),
  has_external_agent: z.boolean().default(false),
})

const timings = z.array(timing).max(10_000).default([])

export const completeRequest = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("template_version_import"),
    engine: engineName.optional(),
    plan: importPlan,
    readme: z.string().max(1_048_576).default(""),
    timings,
  }),
  z.object({
    type: z.literal("workspace_build"),
    engine: engineName.optional(),
    resources: reportedResources.default([]),
    state: stateText.nullish(),
    timings,
    replacements: reportedReplacements.default([]),
  }),
  z.object({
    type: z.literal("template_version_dry_run"),
    engine: engineName.optional(),
    resources: reportedResources.default([]),
    timings,
  }),
])

export const failRequest = z.object({
  error: z.string().min(1).max(65_536),
  /** The daemon stopped on request: a canceled job then ends as `canceled`, without an error. */
  canceled: z.boolean().default(false),
  error_code: z.string().max(64).optional(),
  engine: engineName.optional(),
  /** What an import that lacks values found, so that clients can list it and ask for the values. */
  variables: z.array(reportedVariable).max(1_024).optional(),
  state: stateText.nullish(),
  timings: z.array(timing).max(10_000).optional(),
})

export type RegisterRequest = z.input<typeof registerRequest>
export type AcquiredJob = z.infer<typeof acquiredJob>
export type LogLine = z.input<typeof logLine>
export type UpdateRequest = z.input<typeof updateRequest>
export type UpdateResponse = z.infer<typeof updateResponse>
export type ImportPlan = z.infer<typeof importPlan>
export type CompleteRequest = z.input<typeof completeRequest>
export type FailRequest = z.input<typeof failRequest>
export type EngineName = z.infer<typeof engineName>
export type JobType = z.infer<typeof jobType>
export type Transition = z.infer<typeof transition>
