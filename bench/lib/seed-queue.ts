// A population for the queue's bench: daemons with a key, a template, and waiting jobs.
import { createHash, randomUUID } from "node:crypto"
import type { Client } from "pg"
import { bulkEpoch, type Population, seedTemplate } from "./seed-workspaces.ts"

export { bulkEpoch }

export type QueuePopulation = Population & {
  key: string
  daemonIds: string[]
  /** The actor that authentication publishes for the key. */
  actor: { kind: "provisioner"; key_id: string; organization_id: string; tags: object }
}

const untagged = { scope: "organization", owner: "" }

export async function seedDaemons(client: Client, count: number): Promise<QueuePopulation> {
  const population = await seedTemplate(client, bulkEpoch)
  const key = randomUUID()
  const {
    rows: [row],
  } = await client.query<{ id: string; organization_id: string }>(
    `insert into provisioner_keys (id, organization_id, name, hashed_secret, tags, created_at)
     select gen_random_uuid(), o.id, 'queue', $1, $2, $3 from organizations o where o.is_default
     returning id, organization_id`,
    [createHash("sha256").update(key).digest(), untagged, bulkEpoch],
  )
  if (row === undefined) throw new Error("there is no default organization")
  const daemons = await client.query<{ id: string }>(
    `insert into provisioner_daemons (id, organization_id, key_id, name, provisioners, tags,
      created_at, last_seen_at)
     select gen_random_uuid(), $1, $2, 'queue-' || n, '{terraform}', $3, $4, $4
       from generate_series(1, $5::int) n returning id`,
    [row.organization_id, row.id, untagged, bulkEpoch, count],
  )
  const actor = {
    kind: "provisioner" as const,
    key_id: row.id,
    organization_id: row.organization_id,
    tags: untagged,
  }
  return { ...population, key, actor, daemonIds: daemons.rows.map(({ id }) => id) }
}

/** Jobs that leave nothing behind but themselves. */
export async function seedDryRuns(
  client: Client,
  population: QueuePopulation,
  count: number,
): Promise<void> {
  await client.query(
    `insert into provisioner_jobs (id, organization_id, initiator_id, type, file_id, input, tags,
      created_at, updated_at)
     select gen_random_uuid(), v.organization_id, ($2::uuid[])[1 + n % cardinality($2::uuid[])],
       'template_version_dry_run', v.file_id,
       jsonb_build_object('template_version_id', v.id), $3, $4::timestamptz + n * interval '1 ms',
         $4
     from template_versions v, generate_series(1, $5::int) n where v.id = $1`,
    [population.versionId, population.ownerIds, untagged, bulkEpoch, count],
  )
}

/** Workspaces whose first start waits. */
export async function seedBuildJobs(
  client: Client,
  population: QueuePopulation,
  count: number,
): Promise<void> {
  await client.query(
    `with made as materialized (
       select n, gen_random_uuid() as workspace_id, gen_random_uuid() as build_id, gen_random_uuid()
         as job_id,
         ($2::uuid[])[1 + n % cardinality($2::uuid[])] as owner_id
       from generate_series(1, $5::int) n
     ), workspaces as (
       insert into workspaces (id, owner_id, organization_id, template_id, name, ttl_ms, created_at,
         updated_at)
       select m.workspace_id, m.owner_id, t.organization_id, t.id, 'queue-' || m.n, 28800000, $4, $4
         from made m, templates t where t.id = $1
     ), jobs as (
       insert into provisioner_jobs (id, organization_id, initiator_id, type, file_id, input, tags,
         created_at, updated_at)
       select m.job_id, v.organization_id, m.owner_id, 'workspace_build', v.file_id,
         jsonb_build_object('workspace_build_id', m.build_id), $3,
           $4::timestamptz + m.n * interval '1 ms', $4
       from made m, template_versions v where v.id = $6
     )
     insert into workspace_builds (id, workspace_id, template_version_id, build_number, transition,
       initiator_id, job_id, created_at, updated_at)
     select m.build_id, m.workspace_id, $6, 1, 'start', m.owner_id, m.job_id, $4, $4 from made m`,
    [population.templateId, population.ownerIds, untagged, bulkEpoch, count, population.versionId],
  )
}
