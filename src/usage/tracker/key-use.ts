// The use of keys, written hourly by the flush as full authentication writes it.
//
// Pings that a cached permit accepts are use of their key, too.
import { sql } from "drizzle-orm"
import { type Columns, step, type Step } from "../../platform/db/steps.ts"
import type { Renewed } from "./permit-statement.ts"

const isMarkDue = sql`key_mark_is_due(k.last_used_at, due.used_at)`
const slidTo = sql`due.used_at + make_interval(secs => k.lifetime_seconds)`
const isSlideDue = sql`key_slide_is_due(k, due.used_at)`
const isDue = sql`(${isMarkDue} or ${isSlideDue})`

/**
 * Writes the hourly use of keys and people and the hourly slide of sessions, at the ping's instant.
 *
 * They are late by at most `permitTouchMs` and a flush. A key or a person that another statement
 * holds is skipped until the next flush. So nothing waits here, and flushes of other shards, which
 * know the same key by other workspaces, cannot deadlock. The locked row is checked again.
 */
export const keyUse: Step<Renewed, Columns<"marked_key" | "seen_user", "id">> = step(sql`
    used_key as materialized (
      select key_id, user_id, max(used_at) as used_at,
        (array_agg(ip order by used_at desc))[1] as ip
      from renewed group by key_id, user_id
    ), due as materialized (
      select due.* from used_key due join api_keys k on k.id = due.key_id where ${isDue}
    ), free_key as materialized (
      select k.id from api_keys k join due on due.key_id = k.id
      where ${isDue} for no key update of k skip locked
    ), free_user as materialized (
      select u.id from users u where u.id in (select user_id from due)
      for no key update skip locked
    ), marked_key as (
      update api_keys k
      set last_used_at = case when ${isMarkDue}
          then greatest(k.last_used_at, due.used_at) else k.last_used_at end,
        ip = case when ${isMarkDue} then due.ip else k.ip end,
        expires_at = case when ${isSlideDue} then ${slidTo} else k.expires_at end,
        updated_at = case when ${isSlideDue} then due.used_at else k.updated_at end
      from due join free_key on free_key.id = due.key_id
      where k.id = due.key_id and ${isDue}
      returning k.id
    ), seen_user as (
      update users u set last_seen_at = greatest(u.last_seen_at, due.used_at)
      from (
        select user_id, max(used_at) as used_at from due group by user_id
      ) due join free_user on free_user.id = due.user_id
      where u.id = due.user_id and (u.last_seen_at is null or u.last_seen_at < due.used_at)
      returning u.id
    )`)
