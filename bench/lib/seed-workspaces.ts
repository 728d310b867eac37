// A population for the lifecycle's benches: workspaces with two builds each, inserted in bulk.
import type { Client } from "pg"

export type Population = { templateId: string; versionId: string; ownerIds: string[] }

export const bulkEpoch = new Date("2026-03-02T09:00:00Z")

const ownerCount = 1000

/** People, a daemon that is alive at `seenAt`, and a template with an imported version. */
export async function seedTemplate(client: Client, seenAt: Date): Promise<Population> {
  const one = async (text: string, params: unknown[] = []) =>
    (await client.query<{ id: string }>(text, params)).rows.map((row) => row.id)
  const ownerIds = await one(
    `insert into users (id, username, email, status, created_at, updated_at)
     select gen_random_uuid(), 'user-' || n, 'user-' || n || '@example.test', 'active', $1, $1
     from generate_series(1, $2::int) n returning id`,
    [bulkEpoch, ownerCount],
  )
  const creator = ownerIds[0]
  const organization = (await one("select id from organizations where is_default"))[0]
  const [file] = await one(
    `insert into files (id, hash, mimetype, size_bytes, created_by, created_at)
     values (gen_random_uuid(), 'bench', 'application/x-tar', 1, $1, $2) returning id`,
    [creator, bulkEpoch],
  )
  const [versionId = ""] = await one("select gen_random_uuid() as id")
  const [job] = await one(
    `insert into provisioner_jobs (id, organization_id, initiator_id, type, file_id, input, tags,
      created_at, updated_at,
       started_at, completed_at)
     values (gen_random_uuid(), $1, $2, 'template_version_import', $3, '{}',
       '{"scope":"organization","owner":""}', $4, $4, $4, $4)
     returning id`,
    [organization, creator, file, bulkEpoch],
  )
  await client.query(
    `insert into template_versions (id, organization_id, job_id, file_id, name, created_by,
      created_at, updated_at)
     values ($1, $2, $3, $4, 'v1', $5, $6, $6)`,
    [versionId, organization, job, file, creator, bulkEpoch],
  )
  await client.query(
    `insert into template_version_parameters (template_version_id, name, type, default_value)
     values ($1, 'region', 'string', 'eu'), ($1, 'cpu', 'number', '2')`,
    [versionId],
  )
  const [templateId = ""] = await one(
    `insert into templates (id, organization_id, name, active_version_id, created_by, created_at,
      updated_at)
     values (gen_random_uuid(), $1, 'bench', $2, $3, $4, $4) returning id`,
    [organization, versionId, creator, bulkEpoch],
  )
  await client.query("update template_versions set template_id = $1 where id = $2", [
    templateId,
    versionId,
  ])
  const [key] = await one(
    `insert into provisioner_keys (id, organization_id, name, hashed_secret, tags, created_at)
     values (gen_random_uuid(), $1, 'bench', '\\x00', '{}', $2) returning id`,
    [organization, bulkEpoch],
  )
  await client.query(
    `insert into provisioner_daemons (id, organization_id, key_id, name, provisioners, tags,
      created_at, last_seen_at)
     values (gen_random_uuid(), $1, $2, 'bench', '{terraform}',
       '{"scope":"organization","owner":""}', $3, $4)`,
    [organization, key, bulkEpoch, seenAt],
  )
  return { templateId, versionId, ownerIds }
}

/**
 * `count` running workspaces, numbered from `from`. Each has a stop that ended, a start that runs
 * until the deadline, two parameters, and the bound that a tick left. Triggers are off, so their
 * copies are written here.
 */
export async function seedWorkspaces(
  client: Client,
  { templateId, versionId, ownerIds }: Population,
  range: { from: number; count: number },
  deadline: Date,
): Promise<void> {
  await client.query("set session_replication_role = replica")
  const params = [templateId, versionId, ownerIds, bulkEpoch, range.from, range.count, deadline]
  await client.query(
    `with made as materialized (
       select n, md5('w' || n)::uuid as id, ($3::uuid[])[1 + n % cardinality($3::uuid[])]
         as owner_id,
         md5('a' || n)::uuid as build_1, md5('b' || n)::uuid as build_2, md5('c' || n)::uuid
           as job_1, md5('d' || n)::uuid as job_2
       from generate_series($5::int, $5::int + $6::int - 1) n
     ), organization as (select id from organizations where is_default
     ), w as (
       insert into workspaces (id, owner_id, organization_id, template_id, name, ttl_ms,
         last_used_at, created_at, updated_at, check_at,
         owner_name, latest_build_id, latest_build_number, latest_transition, latest_job_status)
       select made.id, owner_id, organization.id, $1, 'w-' || n, 28800000, $4, $4, $4, $7, 'user',
         build_2, 2, 'start', 'succeeded'
       from made, organization
     ), j as (
       insert into provisioner_jobs (id, organization_id, initiator_id, type, file_id, input, tags,
         created_at, updated_at, started_at,
         completed_at)
       select job, organization.id, owner_id, 'workspace_build', v.file_id,
         jsonb_build_object('workspace_build_id', build),
         '{"scope":"organization","owner":""}', $4, $4, $4, $4
       from made, organization, template_versions v,
         lateral (values (job_1, build_1), (job_2, build_2)) as jobs (job, build)
       where v.id = $2
     ), b as (
       insert into workspace_builds (id, workspace_id, template_version_id, build_number,
         transition, initiator_id, job_id, reason,
         deadline, created_at, updated_at)
       select build, id, $2, number, transition, owner_id, job, 'initiator', case when number = 2
         then $7::timestamptz end, $4, $4
       from made, lateral (values (build_1, job_1, 1, 'stop'), (build_2, job_2, 2, 'start'))
         as builds (build, job, number, transition)
     )
     insert into workspace_build_parameters (workspace_build_id, name, value)
     select build_2, name, value from made, (values ('region', 'eu'), ('cpu', '2')) as p (name,
       value)`,
    params,
  )
  await client.query("set session_replication_role = origin")
}

/** In steps, with a line about each: a million takes minutes. */
export async function seedMany(
  client: Client,
  population: Population,
  range: { from: number; count: number },
  deadline: Date,
): Promise<void> {
  const step = 100_000
  for (let done = 0; done < range.count; done += step) {
    const count = Math.min(step, range.count - done)
    await seedWorkspaces(client, population, { from: range.from + done, count }, deadline)
    console.error(`  seeded ${range.from + done + count} workspaces`)
  }
  await client.query(
    "vacuum (analyze) workspaces, workspace_builds, provisioner_jobs, workspace_build_parameters",
  )
}
