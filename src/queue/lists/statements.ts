// The lists that people read: an organization's daemons and its jobs.
import { type SQL, sql } from "drizzle-orm"
import { organizationIdOf } from "../../access/lookup.ts"
import { may } from "../../access/may.ts"
import { type Statement, statement } from "../../platform/db/client.ts"
import { json, texts, uuids } from "../../platform/db/sql.ts"
import { aliveSince, tagsMatch } from "../matching.ts"
import type { Tags } from "../tags.ts"
import { type JobJson, jobJson } from "../view.ts"
import type { DaemonRow } from "../daemons/statements.ts"
import type { DaemonState } from "../daemons/view.ts"

/** Returns a row if the caller may read these things of the organization. */
export const organizationGate = (
  organization: string,
  resource: "provisioner_daemon" | "provisioner_jobs",
): Statement<{ id: string }> =>
  statement(
    "provisioners.gate",
    sql`select o.id from organizations o
    where o.id = ${organizationIdOf(organization)}
      and ${may("read", resource, { organization: sql`o.id` })}`,
  )

export type DaemonFilter = {
  limit?: number
  ids?: string[]
  tags?: Tags
  offline?: boolean
  status?: string[]
  maxAgeMs?: number
}

const jobOfDaemon = (condition: SQL) => sql`(
  select json_build_object('id', j.id, 'status', j.job_status, 'template_name',
    coalesce(t.name, ''),
    'template_icon', coalesce(t.icon, ''), 'template_display_name', coalesce(t.display_name, ''))
  from provisioner_jobs j
  left join workspace_builds b on b.job_id = j.id
  left join template_versions v on v.id = coalesce(b.template_version_id,
    (j.input ->> 'template_version_id')::uuid)
  left join templates t on t.id = v.template_id
  where j.organization_id = d.organization_id and j.worker_id = d.id and ${condition}
  order by j.created_at desc nulls last limit 1)`

/**
 * Lists the daemons of an organization, the newest first. Daemons that were not seen for 90 s are
 * listed only on request.
 */
export function listDaemons(
  organization: string,
  filter: DaemonFilter,
  now: Date,
): Statement<DaemonRow & DaemonState> {
  const alive = sql`coalesce(d.last_seen_at >= ${aliveSince(now)}::timestamptz, false)`
  const asksOffline = filter.offline === true || (filter.status?.includes("offline") ?? false)
  const seenAfter = filter.maxAgeMs === undefined ? null : new Date(now.getTime() - filter.maxAgeMs)
  const limit = filter.limit === 0 ? null : (filter.limit ?? 50)
  return statement(
    "provisioner-daemons.list",
    sql`select * from (
      select d.id, d.organization_id, d.key_id, k.name as key_name, d.created_at, d.last_seen_at,
        d.name, d.version,
        d.api_version, d.provisioners, d.tags,
        case when exists (select 1 from provisioner_jobs j where j.worker_id = d.id
          and j.completed_at is null) then 'busy'
          when ${alive} then 'idle' else 'offline' end as status,
        ${jobOfDaemon(sql`j.completed_at is null`)} as current_job,
        ${jobOfDaemon(sql`j.completed_at is not null`)} as previous_job
      from provisioner_daemons d join provisioner_keys k on k.id = d.key_id
      join organizations o on o.id = d.organization_id and o.id = ${organizationIdOf(organization)}
      where ${may("read", "provisioner_daemon", { organization: sql`d.organization_id` })}
        and (${asksOffline} or ${alive})
        and (${filter.ids ? sql`d.id = any (${uuids(filter.ids)})` : sql`true`})
        and (${filter.tags ? tagsMatch(json(filter.tags), sql`d.tags`) : sql`true`})
        and (${seenAfter}::timestamptz is null or d.last_seen_at >= ${seenAfter}::timestamptz)
    ) listed
    where ${filter.status ? sql`listed.status = any (${texts(filter.status)})` : sql`true`}
    order by listed.created_at desc, listed.id
    limit ${limit}::bigint`,
  )
}

export type ListedJobRow = {
  job: JobJson
  worker_name: string | null
  available_workers: string[] | null
  template_version_name: string | null
  template_id: string | null
  template_name: string | null
  template_display_name: string | null
  template_icon: string | null
  workspace_id: string | null
  workspace_name: string | null
  transition: string | null
}

export type JobFilter = {
  limit?: number
  ids?: string[]
  tags?: Tags
  status?: string[]
  initiator?: string
}

/**
 * Lists the jobs of an organization, the newest first. A pending job lists the daemons that may run
 * it.
 */
export function listJobs(
  organization: string,
  filter: JobFilter,
  now: Date,
): Statement<ListedJobRow> {
  const limit = filter.limit === 0 ? null : (filter.limit ?? 50)
  const columns = { organization: sql`k.organization_id`, owner: sql`k.initiator_id` }
  return statement(
    "provisioner-jobs.list",
    sql`select ${jobJson("k", now)} as job,
      (select d.name from provisioner_daemons d where d.id = k.worker_id) as worker_name,
      case when k.job_status = 'pending' then (
        select coalesce(array_agg(d.id order by d.created_at), '{}') from provisioner_daemons d
        where d.organization_id = k.organization_id and k.provisioner = any (d.provisioners)
          and ${tagsMatch(sql`k.tags`, sql`d.tags`)}) end as available_workers,
      v.name as template_version_name, t.id as template_id, t.name as template_name,
      t.display_name as template_display_name,
      t.icon as template_icon, w.id as workspace_id, w.name as workspace_name, b.transition
    from provisioner_jobs k
    join organizations o on o.id = k.organization_id and o.id = ${organizationIdOf(organization)}
    left join workspace_builds b on b.job_id = k.id
    left join workspaces w on w.id = b.workspace_id
    left join template_versions v on v.id = coalesce(b.template_version_id,
      (k.input ->> 'template_version_id')::uuid)
    left join templates t on t.id = v.template_id
    where ${may("read", "provisioner_jobs", columns)}
      and (${filter.ids ? sql`k.id = any (${uuids(filter.ids)})` : sql`true`})
      and (${filter.status ? sql`k.job_status = any (${texts(filter.status)})` : sql`true`})
      and (${filter.tags ? tagsMatch(sql`k.tags`, json(filter.tags)) : sql`true`})
      and (${filter.initiator ?? null}::uuid is null
        or k.initiator_id = ${filter.initiator ?? null}::uuid)
    order by k.created_at desc nulls last, k.id
    limit ${limit}::bigint`,
  )
}
