// A build as clients see it: the SQL that returns it as one JSON value, and the shape on the wire.
import { z } from "@hono/zod-openapi"
import { type SQL, sql } from "drizzle-orm"
import { type ResourceJson, resourcesJson } from "../agents/views/resources-json.ts"
import { resourceSchema } from "../agents/views/schemas.ts"
import { toResourceViews } from "../agents/views/view.ts"
import { timeSchema } from "../platform/http/wire.ts"
import {
  type JobJson,
  jobJson,
  jobSchema,
  type MatchedProvisionersJson,
  matchedProvisionersJson,
  matchedProvisionersSchema,
  toJobView,
  toMatchedProvisionersView,
  wireInstant,
  wireInstantOrNull,
} from "../queue/view.ts"
import { buildStatus, type Transition } from "./status.ts"

/** Why a build was requested. Clients reject words that they do not know. */
const buildReasons = [
  "initiator",
  "autostart",
  "autostop",
  "dormancy",
  "autodelete",
  "dashboard",
  "cli",
  "ssh_connection",
  "vscode_connection",
  "jetbrains_connection",
  "task_auto_pause",
  "task_manual_pause",
  "task_resume",
] as const
type BuildReason = (typeof buildReasons)[number]

export type BuildJson = {
  id: string
  created_at: string
  updated_at: string
  workspace_id: string
  workspace_name: string
  workspace_owner_id: string
  workspace_owner_name: string
  workspace_owner_avatar_url: string
  template_version_id: string
  template_version_name: string
  build_number: number
  transition: Transition
  initiator_id: string
  initiator_name: string
  reason: BuildReason
  deadline: string | null
  max_deadline: string | null
  daily_cost: number
  template_version_preset_id: string | null
  has_external_agent: boolean | null
  job: JobJson
  resources: ResourceJson[]
  matched_provisioners: MatchedProvisionersJson | null
}

/**
 * The build with this id as JSON, with its job, resources, agents and apps. Null if it does not
 * exist.
 *
 * It is a scalar subquery, so any statement over builds or workspaces can select it. A page then
 * takes one round trip.
 */
export function buildJson(buildId: SQL, now: Date): SQL {
  return sql`(
    select json_build_object(
      'id', b.id, 'created_at', b.created_at, 'updated_at', b.updated_at,
      'workspace_id', b.workspace_id, 'workspace_name', w.name, 'workspace_owner_id', w.owner_id,
      'workspace_owner_name', o.username,
      'workspace_owner_avatar_url', o.avatar_url, 'template_version_id', b.template_version_id,
      'template_version_name', v.name, 'build_number', b.build_number, 'transition', b.transition,
      'initiator_id', b.initiator_id, 'initiator_name', i.username, 'reason', b.reason,
      'deadline', b.deadline, 'max_deadline', b.max_deadline, 'daily_cost', b.daily_cost,
      'template_version_preset_id', b.template_version_preset_id,
      'has_external_agent', b.has_external_agent,
      'job', ${jobJson("j", now)}, 'resources', ${resourcesJson(sql`b.job_id`, now)},
      'matched_provisioners', case when j.job_status = 'pending'
        then ${matchedProvisionersJson("j")} end)
    from workspace_builds b
    join provisioner_jobs j on j.id = b.job_id
    join workspaces w on w.id = b.workspace_id
    join users o on o.id = w.owner_id
    join users i on i.id = b.initiator_id
    join template_versions v on v.id = b.template_version_id
    where b.id = ${buildId})`
}

export const buildSchema = z
  .object({
    id: z.uuid(),
    created_at: timeSchema,
    updated_at: timeSchema,
    workspace_id: z.uuid(),
    workspace_name: z.string(),
    workspace_owner_id: z.uuid(),
    workspace_owner_name: z.string(),
    workspace_owner_avatar_url: z.string().optional(),
    template_version_id: z.uuid(),
    template_version_name: z.string(),
    build_number: z.int(),
    transition: z.enum(["start", "stop", "delete"]),
    initiator_id: z.uuid(),
    initiator_name: z.string(),
    job: jobSchema,
    reason: z.enum(buildReasons),
    resources: z.array(resourceSchema),
    deadline: timeSchema.nullable(),
    max_deadline: timeSchema.nullable(),
    status: z.enum([
      "pending",
      "starting",
      "running",
      "stopping",
      "stopped",
      "failed",
      "canceling",
      "canceled",
      "deleting",
      "deleted",
    ]),
    daily_cost: z.int(),
    matched_provisioners: matchedProvisionersSchema,
    template_version_preset_id: z.uuid().nullable(),
    has_ai_task: z.boolean().optional(),
    has_external_agent: z.boolean().optional(),
  })
  .openapi("WorkspaceBuild")

export type BuildView = z.infer<typeof buildSchema>

export function toBuildView(build: BuildJson): BuildView {
  return {
    id: build.id,
    created_at: wireInstant(build.created_at),
    updated_at: wireInstant(build.updated_at),
    workspace_id: build.workspace_id,
    workspace_name: build.workspace_name,
    workspace_owner_id: build.workspace_owner_id,
    workspace_owner_name: build.workspace_owner_name,
    ...(build.workspace_owner_avatar_url && {
      workspace_owner_avatar_url: build.workspace_owner_avatar_url,
    }),
    template_version_id: build.template_version_id,
    template_version_name: build.template_version_name,
    build_number: build.build_number,
    transition: build.transition,
    initiator_id: build.initiator_id,
    initiator_name: build.initiator_name,
    job: toJobView(build.job),
    reason: build.reason,
    resources: toResourceViews(build.resources),
    deadline: wireInstantOrNull(build.deadline),
    max_deadline: wireInstantOrNull(build.max_deadline),
    status: buildStatus(build.job.status, build.transition),
    daily_cost: build.daily_cost,
    matched_provisioners: toMatchedProvisionersView(build.matched_provisioners),
    template_version_preset_id: build.template_version_preset_id,
    ...(build.has_external_agent !== null && { has_external_agent: build.has_external_agent }),
  }
}
