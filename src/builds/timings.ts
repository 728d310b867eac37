// The timings of a build: the provisioner's stages, the agents' scripts and first connections.
import { z } from "@hono/zod-openapi"
import { type SQL, sql } from "drizzle-orm"
import { type Statement, statement } from "../platform/db/client.ts"
import { timeSchema } from "../platform/http/wire.ts"
import { wireInstant } from "../queue/view.ts"
import { readableWorkspace } from "./create/context.ts"

const span = z.object({ started_at: timeSchema, ended_at: timeSchema, stage: z.string() })
const agentOf = { workspace_agent_id: z.uuid(), workspace_agent_name: z.string() }

export const timingsSchema = z.object({
  provisioner_timings: z.array(
    span.extend({ job_id: z.uuid(), source: z.string(), action: z.string(), resource: z.string() }),
  ),
  agent_script_timings: z.array(
    span.extend({ exit_code: z.int(), status: z.string(), display_name: z.string(), ...agentOf }),
  ),
  agent_connection_timings: z.array(span.extend(agentOf)),
})

export type TimingsView = z.infer<typeof timingsSchema>

/** The timings of the build `buildId`, if the caller may read its workspace. */
export const timingsOfBuild = (buildId: SQL): Statement<{ timings: TimingsView }> =>
  statement(
    "builds.timings",
    sql`select json_build_object(
      'provisioner_timings', (
        select coalesce(json_agg(json_build_object('job_id', t.job_id, 'started_at', t.started_at,
          'ended_at', t.ended_at,
          'stage', t.stage, 'source', t.source, 'action', t.action, 'resource', t.resource)
          order by t.started_at, t.id), '[]')
        from provisioner_job_timings t where t.job_id = it.job_id),
      'agent_script_timings', (
        select coalesce(json_agg(json_build_object('started_at', s.started_at,
          'ended_at', s.ended_at, 'stage', s.stage,
          'exit_code', s.exit_code, 'status', s.status, 'display_name', c.display_name,
          'workspace_agent_id', a.id,
          'workspace_agent_name', a.name) order by s.started_at, s.id), '[]')
        from workspace_agent_script_timings s join workspace_agent_scripts c on c.id = s.script_id
        join workspace_agents a on a.id = c.agent_id where a.build_id = it.id),
      'agent_connection_timings', (
        select coalesce(json_agg(json_build_object('started_at', a.created_at,
          'ended_at', a.first_connected_at,
          'stage', 'connect', 'workspace_agent_id', a.id, 'workspace_agent_name', a.name)
          order by a.created_at, a.name), '[]')
        from workspace_agents a where a.build_id = it.id
          and a.first_connected_at is not null)) as timings
    from workspace_builds it join workspaces home on home.id = it.workspace_id
      and ${readableWorkspace("home")}
    where it.id = ${buildId}`,
  )

export function toTimingsView(timings: TimingsView): TimingsView {
  for (const list of [
    timings.provisioner_timings,
    timings.agent_script_timings,
    timings.agent_connection_timings,
  ]) {
    for (const one of list) {
      one.started_at = wireInstant(one.started_at)
      one.ended_at = wireInstant(one.ended_at)
    }
  }
  return timings
}
