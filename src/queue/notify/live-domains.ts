// The domains that may run waiting jobs, by the same rule as acquire.
import { sql } from "drizzle-orm"
import { type Statement, statement } from "../../platform/db/client.ts"
import { json } from "../../platform/db/sql.ts"
import { aliveSince, tagsMatch } from "../matching.ts"
import type { Tags } from "../tags.ts"

/** Jobs that the same daemons may run. */
export type JobKind = { organization_id: string; provisioner: string; tags: Tags }

/** Domains that one kind of job is offered to; the boards of the others find it within 30 s. */
const domainsPerKindMax = 16

/** `position` is the kind's index in the list. */
export type LiveDomain = { position: number; provisioners: string[]; tags: Record<string, string> }

/**
 * Returns a row for each kind of job and each domain of live daemons that may run it. The rows are
 * in the order in which the boards should be asked. Domains that can run little else come first,
 * so that special daemons stay free for the jobs that need them. Larger domains come first among
 * equals.
 */
export const liveDomains = (kinds: readonly JobKind[], now: Date): Statement<LiveDomain> =>
  statement(
    "provisioner-daemons.live-domains",
    sql`with kinds as materialized (
      select * from rows from (jsonb_to_recordset(${json(kinds)})
          as (organization_id uuid, provisioner text, tags jsonb)) with ordinality
        as k(organization_id, provisioner, tags, n)
    ), domains as materialized (
      select d.organization_id, t.provisioners, d.tags, count(*) as daemon_count,
        (select count(*) from jsonb_object_keys(d.tags)) as tag_count
      from provisioner_daemons d
      cross join lateral (
        select array_agg(distinct p order by p) as provisioners from unnest(d.provisioners) p) t
      where d.organization_id in (select organization_id from kinds)
        and d.last_seen_at >= ${aliveSince(now)}::timestamptz
      group by d.organization_id, t.provisioners, d.tags
    )
    select (k.n - 1)::int as position, d.provisioners, d.tags
    from kinds k cross join lateral (
      select * from domains d
      where d.organization_id = k.organization_id and k.provisioner = any (d.provisioners)
        and ${tagsMatch(sql`k.tags`, sql`d.tags`)}
      order by ${askingOrder}
      limit ${domainsPerKindMax}::int
    ) d
    order by k.n, ${askingOrder}`,
  )

const askingOrder = sql`d.tag_count, cardinality(d.provisioners), d.daemon_count desc, d.tags,
  d.provisioners`
