// Taking a job off the queue: one statement picks it, leases it, mints its agents' tokens and gathers all that the daemon
// needs, so that a daemon that falls over afterwards leaves a lease that runs out and nothing else.
import { sql } from "drizzle-orm"
import { statement } from "../db/client.ts"
import { tagsMatch } from "../jobs/tags.ts"
import { actorKeyId } from "./daemon-session.ts"
import type { AcquiredJob } from "./protocol.ts"

type Named = { name: string; value: string }

/** Null fields where no job waits. */
export type AcquiredRow = {
  daemon_id: string
  organization_id: string
  workspace_id: string | null
  has_external_agent: boolean
  /** Encrypted tokens of the workspace's last agents, by name; only where the version has an external agent. */
  known_tokens: Record<string, string> | null
  /** Instants in it are as PostgreSQL writes them into JSON. */
  job:
    | (Omit<AcquiredJob, "import" | "build"> & {
        import: { user_variable_values: Named[] } | null
        build: BuildRow | null
      })
    | null
}
type BuildRow = Omit<NonNullable<AcquiredJob["build"]>, "stage" | "access_url" | "log_level"> & {
  stage: number | null
  log_level: string | null
}

/**
 * At most one row: the daemon, and the job that it got if there was one. Precondition: the daemon belongs to the key that
 * asks. Order: people first, then what the pools give back, then what they want, each by age. Walks `provisioner_jobs_queue` in that order and stops at
 * the first row that matches and that nobody else holds, so it costs what it skips, not what waits. Two at once take
 * different jobs; run again, it takes another job.
 */
export const acquireJob = (daemonId: string, now: Date) =>
  statement<AcquiredRow>(
    "provisioner-jobs.acquire",
    sql`with me as (
      update provisioner_daemons set last_seen_at = greatest(last_seen_at, ${now}::timestamptz)
      where id = ${daemonId}::uuid and key_id = ${actorKeyId}
      returning id, organization_id, provisioners, tags
    ), picked as (
      select j.id from provisioner_jobs j
      where j.organization_id = (select organization_id from me)
        and j.started_at is null and j.completed_at is null
        and j.provisioner = any ((select provisioners from me)::text[])
        and ${tagsMatch(sql`j.tags`, sql`(select tags from me)`)}
      order by job_rank(j.initiator_id, j.input), j.created_at, j.id
      limit 1 for update of j skip locked
    ), minted as materialized (
      select a.name, gen_random_uuid()::text as token
      from picked p join workspace_builds b on b.job_id = p.id and b.transition = 'start'
      join template_versions v on v.id = b.template_version_id
      join workspace_resources r on r.job_id = v.job_id and r.transition = 'start'
      join workspace_agents a on a.resource_id = r.id
      group by a.name
    ), taken as (
      update provisioner_jobs j set started_at = ${now}::timestamptz, updated_at = ${now}::timestamptz,
        worker_id = ${daemonId}::uuid,
        agent_tokens = (
          select jsonb_object_agg(m.name, jsonb_build_object('hash', encode(sha256(convert_to(m.token, 'UTF8')), 'hex')))
          from minted m)
      from picked p where j.id = p.id
      returning j.*
    )
    select me.id as daemon_id, me.organization_id, b.workspace_id, coalesce(v.has_external_agent, false) as has_external_agent,
      case when v.has_external_agent then ${knownTokens} end as known_tokens,
      case when j.id is not null then json_build_object(
        'job_id', j.id, 'type', j.type, 'created_at', j.created_at,
        'organization', (select json_build_object('id', o.id, 'name', o.name) from organizations o where o.id = j.organization_id),
        'initiator', (select json_build_object('id', u.id, 'username', u.username) from users u where u.id = j.initiator_id),
        'file_id', j.file_id, 'file_mimetype', (select f.mimetype from files f where f.id = j.file_id), 'tags', j.tags,
        'template', case when v.id is not null then json_build_object('id', t.id, 'name', coalesce(t.name, ''),
          'version_id', v.id, 'version_name', v.name) end,
        'import', case when j.type = 'template_version_import' then json_build_object(
          'user_variable_values', coalesce(j.input -> 'user_variable_values', '[]')) end,
        'build', case when b.id is not null then ${buildPayload} end) end as job
    from me
    left join taken j on true
    left join workspace_builds b on b.job_id = j.id
    left join template_versions v on v.id = coalesce(b.template_version_id, (j.input ->> 'template_version_id')::uuid)
    left join templates t on t.id = v.template_id`,
  )

// A literal, because the index's order is over this very expression.

const parametersOf = (buildId: ReturnType<typeof sql>) => sql`(
  select coalesce(json_agg(json_build_object('name', p.name, 'value', p.value) order by p.name), '[]')
  from workspace_build_parameters p where p.workspace_build_id = ${buildId})`

const buildPayload = sql`(
  select json_build_object('id', b.id, 'number', b.build_number, 'transition', b.transition, 'reason', b.reason,
    'workspace', json_build_object('id', w.id, 'name', w.name, 'created_at', w.created_at),
    'owner', json_build_object('id', u.id, 'username', u.username, 'email', u.email, 'name', u.name),
    'parameters', ${parametersOf(sql`b.id`)},
    'previous_parameters', ${parametersOf(sql`(
      select l.id from workspace_builds l where l.workspace_id = b.workspace_id and l.build_number = b.build_number - 1)`)},
    'variables', (
      select coalesce(json_agg(json_build_object('name', x.name, 'value', x.value, 'sensitive', x.sensitive) order by x.name), '[]')
      from template_version_variables x where x.template_version_id = b.template_version_id),
    'state', translate(encode(b.provisioner_state, 'base64'), E'\\n', ''),
    'stage', (j.input ->> 'prebuilt_workspace_stage')::int, 'log_level', j.input ->> 'log_level',
    'agent_tokens', (select coalesce(json_object_agg(m.name, m.token), '{}') from minted m))
  from workspaces w join users u on u.id = w.owner_id where w.id = b.workspace_id)`

const knownTokens = sql`(
  select json_object_agg(k.name, k.encrypted_token) from (
    select distinct on (a.name) a.name, a.encrypted_token from workspace_agents a
    join workspace_builds s on s.id = a.build_id
    where a.workspace_id = b.workspace_id and a.parent_id is null and a.encrypted_token is not null
    order by a.name, s.build_number desc) k)`

export type StoredToken = { hash: string; encrypted: string }

/** Replaces the minted tokens of a leased job by ones that can be shown again. */
export const storeTokens = (jobId: string, daemonId: string, tokens: Record<string, StoredToken>) =>
  statement<{ id: string }>(
    "provisioner-jobs.store-tokens",
    sql`update provisioner_jobs set agent_tokens = ${JSON.stringify(tokens)}::jsonb
      where id = ${jobId}::uuid and worker_id = ${daemonId}::uuid and completed_at is null returning id`,
  )
