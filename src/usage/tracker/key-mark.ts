// What full authentication would have written of a key meanwhile: pings on remembered verdicts are use of their key, too.
import { sql, type SQL } from "drizzle-orm"
import { intervalMs } from "../../platform/db/sql.ts"
import { keyMarkMs } from "./verdict-times.ts"

const hour = intervalMs(keyMarkMs)
const isMarkDue = (used: SQL) => sql`(k.last_used_at is null or k.last_used_at < ${used} - ${hour})`
const isSlideDue = (used: SQL) =>
  sql`(k.login_type <> 'token' and k.expires_at <= ${used} + make_interval(secs => k.lifetime_seconds) - ${hour})`

/**
 * Data-modifying CTEs over the CTE `renewed` (key_id, user_id, used_at, ip): the hourly mark of use of a key and its person, and the
 * hourly slide of a session, as authenticate_user writes them, with the instant of the ping. They come at most `verdictTouchMs` and a
 * flush late. A key or a person whom another statement holds is passed over until the next flush, so that nothing waits in here and
 * flushes of other shards, which know the same key by other workspaces, cannot lock each other out; the locked row is asked again.
 */
export const keyMarks: SQL = sql`
    due as materialized (
      select r.key_id, r.user_id, max(r.used_at) as used_at, (array_agg(r.ip order by r.used_at desc))[1] as ip
      from renewed r join api_keys k on k.id = r.key_id
      where ${isMarkDue(sql`r.used_at`)} or ${isSlideDue(sql`r.used_at`)}
      group by r.key_id, r.user_id
    ), free_key as materialized (
      select k.id from api_keys k join due on due.key_id = k.id
      where ${isMarkDue(sql`due.used_at`)} or ${isSlideDue(sql`due.used_at`)}
      for no key update of k skip locked
    ), free_user as materialized (
      select u.id from users u where u.id in (select user_id from due) for no key update skip locked
    ), marked_key as (
      update api_keys k
      set last_used_at = case when ${isMarkDue(sql`due.used_at`)} then greatest(k.last_used_at, due.used_at) else k.last_used_at end,
        ip = case when ${isMarkDue(sql`due.used_at`)} then due.ip else k.ip end,
        expires_at = case when ${isSlideDue(sql`due.used_at`)}
          then due.used_at + make_interval(secs => k.lifetime_seconds) else k.expires_at end,
        updated_at = case when ${isSlideDue(sql`due.used_at`)} then due.used_at else k.updated_at end
      from due join free_key on free_key.id = due.key_id
      where k.id = due.key_id and (${isMarkDue(sql`due.used_at`)} or ${isSlideDue(sql`due.used_at`)})
      returning k.id
    ), seen_user as (
      update users u set last_seen_at = greatest(u.last_seen_at, due.used_at)
      from (
        select user_id, max(used_at) as used_at from due group by user_id
      ) due join free_user on free_user.id = due.user_id
      where u.id = due.user_id and (u.last_seen_at is null or u.last_seen_at < due.used_at)
      returning u.id
    )`
