// Which kinds of daemon have work waiting: what a board asks to repair missed wake-ups, all its kinds in one statement.
import { sql } from "drizzle-orm"
import { statement } from "../db/client.ts"
import { json } from "../db/sql.ts"
import { tagsMatch, type Tags } from "../jobs/tags.ts"

export type Domain = { provisioners: string[]; tags: Tags }

/** A row a domain that has jobs waiting, with its place in the list and how many jobs, up to 100. */
export const waitingDomains = (organizationId: string, domains: readonly Domain[]) =>
  statement<{ position: number; waiting_count: number }>(
    "provisioner-jobs.waiting",
    sql`select (d.n - 1)::int as position, w.waiting_count
    from rows from (jsonb_to_recordset(${json(domains)}) as (provisioners text[], tags jsonb)) with ordinality
      as d(provisioners, tags, n)
    cross join lateral (
      select count(*)::int as waiting_count from (
        select 1 from provisioner_jobs j
        where j.organization_id = ${organizationId}::uuid and j.started_at is null and j.completed_at is null
          and j.provisioner = any (d.provisioners) and ${tagsMatch(sql`j.tags`, sql`d.tags`)}
        limit 100) few
    ) w
    where w.waiting_count > 0`,
  )
