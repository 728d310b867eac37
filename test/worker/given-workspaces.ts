// Factories for workspaces, their builds and agents. Defaults are valid: a workspace that was
// started and is running.
import { epoch } from "./epoch.ts"
import { query } from "./harness.ts"
import { jobColumns, type GivenTemplate, type JobStatus } from "./given-templates.ts"
import { inserting, sha256, unique, writeAll, type Row } from "./rows.ts"

export type GivenBuild = { id: string; jobId: string; number: number }
export type GivenWorkspace = {
  id: string
  name: string
  ownerId: string
  organizationId: string
  template: GivenTemplate
}

/**
 * A workspace with a first build: a start that succeeded at the epoch. `build: null` leaves it
 * without one.
 *
 * @example await givenWorkspace(user, template, { columns: { ttl_ms: 3_600_000 }, build: {
 * columns: { deadline } } })
 */
export async function givenWorkspace(
  owner: { id: string },
  template: GivenTemplate,
  options: { columns?: Row; build?: BuildOptions | null } = {},
): Promise<GivenWorkspace & { build: GivenBuild }> {
  const row = {
    id: crypto.randomUUID(),
    owner_id: owner.id,
    organization_id: template.organizationId,
    template_id: template.id,
    name: `workspace-${unique(8)}`,
    last_used_at: epoch,
    created_at: epoch,
    updated_at: epoch,
    ...options.columns,
  }
  const workspace: GivenWorkspace = {
    id: row.id,
    name: row.name,
    ownerId: row.owner_id,
    organizationId: row.organization_id,
    template,
  }
  const first = options.build === null ? null : newBuild(workspace, 1, options.build)
  await writeAll(inserting("workspaces", row), ...(first?.writes ?? []))
  return { ...workspace, build: first?.build ?? { id: "", jobId: "", number: 0 } }
}

export type BuildOptions = {
  transition?: "start" | "stop" | "delete"
  status?: JobStatus
  /** When the build was made and when its job came to its state. */
  at?: Date
  /** Columns of the build: deadline, max_deadline, reason, ... */
  columns?: Row
  /** Columns of its job: error, canceled_at, input, ... */
  job?: Row
}

/** The next build of a workspace. */
export async function givenBuild(
  workspace: GivenWorkspace,
  options: BuildOptions = {},
): Promise<GivenBuild> {
  const [last] = await query<{ number: number }>(
    "select coalesce(max(build_number), 0)::int as number from workspace_builds where workspace_id = $1",
    [workspace.id],
  )
  const { build, writes } = newBuild(workspace, (last?.number ?? 0) + 1, options)
  await writeAll(...writes)
  return build
}

function newBuild(workspace: GivenWorkspace, number: number, options: BuildOptions = {}) {
  const at = options.at ?? epoch
  const [id, jobId] = [crypto.randomUUID(), crypto.randomUUID()]
  const job = {
    id: jobId,
    organization_id: workspace.organizationId,
    initiator_id: workspace.ownerId,
    type: "workspace_build",
    file_id: workspace.template.version.fileId,
    input: { workspace_build_id: id },
    tags: { scope: "organization", owner: "" },
    created_at: at,
    ...jobColumns(options.status ?? "succeeded", at),
    ...options.job,
  }
  const build = {
    id,
    workspace_id: workspace.id,
    template_version_id: workspace.template.version.id,
    build_number: number,
    transition: options.transition ?? "start",
    initiator_id: workspace.ownerId,
    job_id: jobId,
    created_at: at,
    updated_at: at,
    ...options.columns,
  }
  const given: GivenBuild = { id, jobId: job.id, number: build.build_number }
  return {
    build: given,
    writes: [inserting("provisioner_jobs", job), inserting("workspace_builds", build)],
  }
}

export type GivenAgent = { id: string; name: string; token: string; resourceId: string }

/**
 * An agent on a compute resource of a build, connected and ready at the epoch unless the columns
 * say otherwise.
 */
export async function givenAgent(
  workspace: GivenWorkspace,
  build: GivenBuild,
  options: { columns?: Row; resource?: Row } = {},
): Promise<GivenAgent> {
  const token = crypto.randomUUID()
  const resource = {
    id: crypto.randomUUID(),
    job_id: build.jobId,
    transition: "start",
    type: "compute",
    name: "main",
    created_at: epoch,
    ...options.resource,
  }
  const agent = {
    id: crypto.randomUUID(),
    resource_id: resource.id,
    workspace_id: workspace.id,
    build_id: build.id,
    name: "main",
    hashed_token: await sha256(token),
    lifecycle_state: "ready",
    first_connected_at: epoch,
    last_connected_at: epoch,
    created_at: epoch,
    updated_at: epoch,
    ...options.columns,
  }
  await writeAll(inserting("workspace_resources", resource), inserting("workspace_agents", agent))
  return { id: agent.id, name: agent.name, token, resourceId: resource.id }
}

/**
 * Its owner marks the workspace dormant at an instant, with the audit row that this takes; one
 * that is deleted or a prebuild stays.
 */
export async function givenDormancy(
  workspaceId: string,
  at: Date,
  deletingAt: Date | null = null,
): Promise<void> {
  await query(
    `with actor as materialized (
       select w.id, set_config('dormouse.actor', json_build_object('kind', 'user', 'id',
         w.owner_id)::text, true)
       from workspaces w where w.id = $1 and not w.deleted and w.dormant_at is null
         and w.owner_id <> prebuilds_user_id()
     ), changed as (
       update workspaces w set dormant_at = $2, deleting_at = $3 from actor where w.id = actor.id
         returning w.id, w.name, w.owner_id
     )
     insert into audit_logs (id, time, request_id, user_id, resource_type, resource_id,
       resource_target, action, status_code)
     select gen_random_uuid(), $2, '', owner_id, 'workspace', id, name, 'write', 200 from changed`,
    [workspaceId, at, deletingAt],
  )
}
