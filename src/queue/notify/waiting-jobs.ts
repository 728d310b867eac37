// How many jobs wait for a domain, and which waiting daemons no longer belong to it.
import { sql } from "drizzle-orm"
import { type Statement, statement } from "../../platform/db/client.ts"
import { json, texts, uuids } from "../../platform/db/sql.ts"
import { tagsMatch } from "../matching.ts"
import type { Domain } from "./domain.ts"

/** The most jobs that are counted, and so the most daemons that one repair wakes. */
const waitingCountMax = 100

/**
 * Returns one row. `waiting_count` counts the jobs that daemons of the domain may take; it walks
 * `provisioner_jobs_queue` as acquire does. `stray_ids` are the given daemons that left the domain:
 * they registered with other tags or types, or their key was revoked.
 */
export const waitingJobs = (
  { organization_id, provisioners, tags }: Domain,
  daemonIds: readonly string[],
): Statement<{ waiting_count: number; stray_ids: string[] }> =>
  statement(
    "provisioner-jobs.waiting",
    sql`select
      (select count(*)::int from (
        select 1 from provisioner_jobs j
        where j.organization_id = ${organization_id}::uuid
          and j.started_at is null and j.completed_at is null
          and j.provisioner = any (${texts(provisioners)})
          and ${tagsMatch(sql`j.tags`, json(tags))}
        limit ${waitingCountMax}::int) few) as waiting_count,
      array(select s.id::text from unnest(${uuids(daemonIds)}) s(id)
        where not exists (
          select 1 from provisioner_daemons d
          where d.id = s.id and d.organization_id = ${organization_id}::uuid
            and d.tags = ${json(tags)} and d.provisioners @> ${texts(provisioners)}
            and d.provisioners <@ ${texts(provisioners)})) as stray_ids`,
  )
