// Pools for the benches: many presets with one running prebuild each, and a busy one with
// thousands.
import type { Client } from "pg"
import { prebuildsUserId } from "../../src/platform/db/prebuilds-user.ts"

export const poolEpoch = new Date("2026-03-02T09:00:00.000Z")

export type SeededPool = { templateId: string; versionId: string; presetId: string; fileId: string }

/**
 * `count` templates named after `prefix`, each with one preset that wants `desired`. Copies that
 * triggers keep are written here.
 */
export async function seedPools(
  client: Client,
  { prefix, count, desired }: { prefix: string; count: number; desired: number | null },
): Promise<SeededPool[]> {
  const numbers = "generate_series(1, $2::int) n"
  await client.query("set session_replication_role = replica")
  const run = (text: string, ...more: unknown[]) => client.query(text, [prefix, count, ...more])
  await run(
    `insert into files (id, hash, mimetype, size_bytes, created_by, created_at)
     select md5($1 || 'f' || n)::uuid, md5($1 || n), 'application/x-tar', 1, '${prebuildsUserId}',
       $3 from ${numbers}`,
    poolEpoch,
  )
  await run(
    `insert into provisioner_jobs (id, organization_id, initiator_id, type, file_id, input, tags,
      created_at, updated_at, started_at, completed_at)
     select md5($1 || 'j' || n)::uuid, o.id, '${prebuildsUserId}', 'template_version_import',
       md5($1 || 'f' || n)::uuid, '{}',
       '{"scope":"organization","owner":""}', $3, $3, $3, $3
     from ${numbers}, organizations o where o.is_default`,
    poolEpoch,
  )
  await run(
    `insert into template_versions (id, template_id, organization_id, job_id, file_id, name,
      created_by, created_at, updated_at)
     select md5($1 || 'v' || n)::uuid, md5($1 || 't' || n)::uuid, o.id, md5($1 || 'j' || n)::uuid,
       md5($1 || 'f' || n)::uuid,
       'v', '${prebuildsUserId}', $3, $3
     from ${numbers}, organizations o where o.is_default`,
    poolEpoch,
  )
  await run(
    `insert into templates (id, organization_id, name, active_version_id, created_by, created_at,
      updated_at)
     select md5($1 || 't' || n)::uuid, o.id, $1 || n, md5($1 || 'v' || n)::uuid,
       '${prebuildsUserId}', $3, $3
     from ${numbers}, organizations o where o.is_default`,
    poolEpoch,
  )
  await run(
    `insert into template_version_presets (id, template_version_id, name, desired_instances,
      created_at)
     select md5($1 || 'p' || n)::uuid, md5($1 || 'v' || n)::uuid, 'main', $4, $3 from ${numbers}`,
    poolEpoch,
    desired,
  )
  const { rows } = await run(
    `select md5($1 || 't' || n)::uuid as "templateId", md5($1 || 'v' || n)::uuid as "versionId",
       md5($1 || 'p' || n)::uuid as "presetId", md5($1 || 'f' || n)::uuid as "fileId"
         from ${numbers} order by n`,
  )
  await client.query("set session_replication_role = origin")
  return rows as SeededPool[]
}

/** `count` running prebuilds of a pool, each with a ready agent. */
export async function seedPrebuilds(
  client: Client,
  pool: SeededPool,
  count: number,
): Promise<void> {
  const key = crypto.randomUUID()
  const numbers = "generate_series(1, $2::int) n"
  await client.query("set session_replication_role = replica")
  const run = (text: string, ...more: unknown[]) =>
    client.query(text, [key, count, poolEpoch, ...more])
  await run(
    `insert into workspaces (id, owner_id, organization_id, template_id, name, last_used_at,
      created_at, updated_at, owner_name,
       latest_build_id, latest_build_number, latest_transition, latest_job_status)
     select md5($1 || 'w' || n)::uuid, '${prebuildsUserId}', o.id, $4, 'prebuild-' || md5($1 || n),
       $3, $3, $3, 'prebuilds',
       md5($1 || 'b' || n)::uuid, 1, 'start', 'succeeded'
     from ${numbers}, organizations o where o.is_default`,
    pool.templateId,
  )
  await run(
    `insert into provisioner_jobs (id, organization_id, initiator_id, type, file_id, input, tags,
      created_at, updated_at, started_at, completed_at)
     select md5($1 || 'd' || n)::uuid, o.id, '${prebuildsUserId}', 'workspace_build', $4,
       '{"prebuilt_workspace_stage":1}',
       '{"scope":"organization","owner":""}', $3, $3, $3, $3
     from ${numbers}, organizations o where o.is_default`,
    pool.fileId,
  )
  await run(
    `insert into workspace_builds (id, workspace_id, template_version_id, build_number, transition,
      initiator_id, job_id,
       template_version_preset_id, created_at, updated_at)
     select md5($1 || 'b' || n)::uuid, md5($1 || 'w' || n)::uuid, $4, 1, 'start',
       '${prebuildsUserId}', md5($1 || 'd' || n)::uuid, $5, $3, $3
     from ${numbers}`,
    pool.versionId,
    pool.presetId,
  )
  await run(
    `insert into workspace_resources (id, job_id, transition, type, name, created_at)
     select md5($1 || 'r' || n)::uuid, md5($1 || 'd' || n)::uuid, 'start', 'compute', 'main', $3
       from ${numbers}`,
  )
  await run(
    `insert into workspace_agents (id, resource_id, workspace_id, build_id, name, lifecycle_state,
      created_at, updated_at)
     select md5($1 || 'a' || n)::uuid, md5($1 || 'r' || n)::uuid, md5($1 || 'w' || n)::uuid,
       md5($1 || 'b' || n)::uuid, 'main', 'ready', $3, $3
     from ${numbers}`,
  )
  await client.query("set session_replication_role = origin")
}
