// A page of the workspace list, in its order.
//
// The caller's favourites come first, then running workspaces, then the rest, each by owner and
// name.
import { sql, type SQL } from "drizzle-orm"
import { may } from "../../access/may.ts"
import { matches } from "./filter.ts"
import type { WorkspaceFilter } from "./search.ts"

/** The end of a page; the next one begins after it. */
export type PageCursor = { rank: number; owner_key: string; name_key: string; id: string }

export type PageRange = { limit: number; offset: number; after: PageCursor | null }

/** The workspaces that the caller may read. */
export function isVisible(): SQL {
  return may("read", "workspace", {
    id: sql`w.id`,
    owner: sql`w.owner_id`,
    organization: sql`w.organization_id`,
  })
}

const isOwnFavorite = sql`(w.favorite and w.owner_id = (select actor_id()))`
// Must be written as the index workspaces_list_order writes it. Never null: each workspace has a
// build.
const isRunning = sql`(w.latest_transition = 'start' and w.latest_job_status = 'succeeded')`

const arms = [
  { rank: 0, condition: sql`${isRunning} is true and ${isOwnFavorite}` },
  { rank: 1, condition: sql`${isRunning} is false and ${isOwnFavorite}` },
  { rank: 2, condition: sql`${isRunning} is true and not ${isOwnFavorite}` },
  { rank: 3, condition: sql`${isRunning} is false and not ${isOwnFavorite}` },
]

/**
 * A query for the ids of a page with their sort keys.
 *
 * It has one arm per rank. Each arm reads in the order of workspaces_list_order and stops at the
 * end of the page. The cost depends on the page and not on the list. Ordering all by one
 * expression would sort the whole list: favourites depend on the caller, so no index has them
 * first.
 */
export function pageOf(
  filter: WorkspaceFilter,
  { limit, offset, after }: PageRange,
  now: Date,
): SQL {
  const found = sql`${isVisible()} and ${matches(filter, now)}`
  const wanted = arms
    .filter(({ rank }) => after === null || rank >= after.rank)
    .map(({ rank, condition }) => {
      const isLater =
        after?.rank === rank
          ? sql`and (lower(w.owner_name), lower(w.name), w.id)
              > (${after.owner_key}, ${after.name_key}, ${after.id}::uuid)`
          : sql``
      return sql`(select w.id, ${rank}::int as rank, lower(w.owner_name) as owner_key,
          lower(w.name) as name_key
        from workspaces w where ${found} and ${condition} ${isLater}
        order by lower(w.owner_name), lower(w.name), w.id limit ${limit + offset})`
    })
  return sql`select id, rank, owner_key, name_key from (${sql.join(wanted, sql` union all `)}) arms
    order by rank, owner_key, name_key, id limit ${limit} offset ${offset}`
}
