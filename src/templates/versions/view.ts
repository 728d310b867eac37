// A version as clients see it: the columns that a statement selects, and the shape on the wire.
import { z } from "@hono/zod-openapi"
import { sql, type SQL } from "drizzle-orm"
import { nilUuid, timeSchema, wireTime } from "../../platform/http/wire.ts"
import {
  jobJson,
  jobSchema,
  matchedProvisionersJson,
  matchedProvisionersSchema,
  toJobView,
  toMatchedProvisionersView,
  type JobJson,
  type MatchedProvisionersJson,
} from "../../queue/view.ts"

export type VersionRow = {
  id: string
  template_id: string | null
  organization_id: string
  created_at: Date
  updated_at: Date
  name: string
  message: string
  readme: string
  archived: boolean
  has_external_agent: boolean
  creator_id: string
  creator_username: string
  creator_name: string
  creator_avatar_url: string
  job: JobJson
  matched_provisioners: MatchedProvisionersJson | null
}

/** `select ... from` of versions `v` with their job `j` and creator `u`, without a `where`. */
export const selectVersions = (now: Date): SQL => sql`
  select v.id, v.template_id, v.organization_id, v.created_at, v.updated_at, v.name, v.message,
    v.readme, v.archived,
    coalesce(v.has_external_agent, false) as has_external_agent, u.id as creator_id,
    u.username as creator_username,
    u.name as creator_name, u.avatar_url as creator_avatar_url, ${jobJson("j", now)} as job,
    case when j.job_status = 'pending' then ${matchedProvisionersJson("j")} end
      as matched_provisioners
  from template_versions v
  join provisioner_jobs j on j.id = v.job_id
  join users u on u.id = v.created_by`

export const versionSchema = z
  .object({
    id: z.uuid(),
    template_id: z
      .string()
      .openapi({ format: "uuid", description: "The nil uuid while it has no template." }),
    organization_id: z.uuid(),
    created_at: timeSchema,
    updated_at: timeSchema,
    name: z.string(),
    message: z.string(),
    job: jobSchema,
    readme: z.string(),
    created_by: z.object({
      id: z.uuid(),
      username: z.string(),
      name: z.string().optional(),
      avatar_url: z.string().optional(),
    }),
    archived: z.boolean(),
    matched_provisioners: matchedProvisionersSchema.optional(),
    has_external_agent: z.boolean(),
  })
  .openapi("TemplateVersion")

export type VersionView = z.infer<typeof versionSchema>

export function toVersionView(row: VersionRow): VersionView {
  return {
    id: row.id,
    template_id: row.template_id ?? nilUuid,
    organization_id: row.organization_id,
    created_at: wireTime(row.created_at),
    updated_at: wireTime(row.updated_at),
    name: row.name,
    message: row.message,
    job: toJobView(row.job),
    readme: row.readme,
    created_by: {
      id: row.creator_id,
      username: row.creator_username,
      ...(row.creator_name !== "" && { name: row.creator_name }),
      ...(row.creator_avatar_url !== "" && { avatar_url: row.creator_avatar_url }),
    },
    archived: row.archived,
    ...(row.matched_provisioners !== null && {
      matched_provisioners: toMatchedProvisionersView(row.matched_provisioners),
    }),
    has_external_agent: row.has_external_agent,
  }
}
