// Which domains may run posted jobs, by the same rule as acquire (prebuilds-provisioning-agents.md C2).
import { sql } from "drizzle-orm"
import { type Statement, statement } from "../../platform/db/client.ts"
import { json } from "../../platform/db/sql.ts"
import { aliveSince } from "../freshness.ts"
import { tagsMatch, type Tags } from "../tags.ts"

/** Jobs that the same daemons may run. */
export type JobKind = { organization_id: string; provisioner: string; tags: Tags }

/** Domains that one kind of job is offered to at most; those beyond look for themselves within 30 s. */
const domainsPerKindMax = 16

/** `position` is the kind's in the list. */
export type LiveDomain = { position: number; provisioners: string[]; tags: Record<string, string> }

/**
 * A row for each kind of job and domain of live daemons that may run it, all kinds in one statement. In the order in which they are to be
 * asked: those that can do the least beyond it first, so that what is special stays free for what only it can do; then the largest.
 */
export const liveDomains = (kinds: readonly JobKind[], now: Date): Statement<LiveDomain> =>
  statement(
    "provisioner-daemons.live-domains",
    sql`with kinds as materialized (
      select * from rows from (jsonb_to_recordset(${json(kinds)}) as (organization_id uuid, provisioner text, tags jsonb)) with ordinality
        as k(organization_id, provisioner, tags, n)
    ), domains as materialized (
      select d.organization_id, t.provisioners, d.tags, count(*) as daemon_count,
        (select count(*) from jsonb_object_keys(d.tags)) as tag_count
      from provisioner_daemons d
      cross join lateral (select array_agg(distinct p order by p) as provisioners from unnest(d.provisioners) p) t
      where d.organization_id in (select organization_id from kinds) and d.last_seen_at >= ${aliveSince(now)}::timestamptz
      group by d.organization_id, t.provisioners, d.tags
    )
    select (k.n - 1)::int as position, d.provisioners, d.tags
    from kinds k cross join lateral (
      select * from domains d
      where d.organization_id = k.organization_id and k.provisioner = any (d.provisioners) and ${tagsMatch(sql`k.tags`, sql`d.tags`)}
      order by d.tag_count, cardinality(d.provisioners), d.daemon_count desc, d.tags, d.provisioners
      limit ${domainsPerKindMax}::int
    ) d
    order by k.n, d.tag_count, cardinality(d.provisioners), d.daemon_count desc, d.tags, d.provisioners`,
  )
