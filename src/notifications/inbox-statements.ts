// Statements of a person's inbox. Each reaches the caller's own notifications only.
import { sql, type SQL } from "drizzle-orm"
import type { Caller } from "../access/caller.ts"
import { isAllowed, roleHolderOf } from "../access/is-allowed.ts"
import { actorId, may } from "../access/may.ts"
import type { Action } from "../access/permissions.ts"
import { statement, type Statement } from "../platform/db/client.ts"
import type { RowOf } from "../platform/db/row.ts"
import type { inboxNotifications } from "../platform/db/schema/lifecycle.ts"
import { forbidden } from "../platform/http/errors.ts"
import { uuids } from "../platform/db/sql.ts"

/** The size of a page. */
const pageSizeMax = 25

export type InboxNotificationRow = Omit<RowOf<typeof inboxNotifications>, "actions"> & {
  actions: { label: string; url: string }[]
}

export type InboxQuery = {
  targets: readonly string[]
  templates: readonly string[]
  readStatus: "all" | "read" | "unread"
  startingBefore: string | null
}

const columns = sql`n.id, n.user_id, n.template_id, n.targets, n.title, n.content, n.icon,
  n.actions, n.read_at, n.created_at`

/** Own notifications only, and with a token whose scopes and allow list include the inbox. */
const mayInbox = (action: Action) =>
  sql`(n.user_id = ${actorId}
    and ${may(action, "inbox_notification", { id: sql`n.id`, owner: sql`n.user_id` })})`

/** Throws a 403 if the token of the caller does not include the inbox. */
export async function requireInbox(caller: Caller, action: Action): Promise<void> {
  const holder = roleHolderOf(await caller.actor())
  if (!isAllowed(holder, action, "inbox_notification", { owner: holder.id })) throw forbidden()
}

/** The newest that match: all listed targets are among theirs. Index inbox_notifications_user. */
export function listInbox(filter: InboxQuery): Statement<InboxNotificationRow> {
  const terms: SQL[] = [mayInbox("read")]
  if (filter.targets.length > 0) terms.push(sql`n.targets @> ${uuids(filter.targets)}`)
  if (filter.templates.length > 0) terms.push(sql`n.template_id = any(${uuids(filter.templates)})`)
  if (filter.readStatus !== "all") {
    terms.push(filter.readStatus === "read" ? sql`n.read_at is not null` : sql`n.read_at is null`)
  }
  if (filter.startingBefore !== null) {
    terms.push(
      sql`(n.created_at, n.id) < (select p.created_at, p.id from inbox_notifications p
        where p.id = ${filter.startingBefore}::uuid and p.user_id = ${actorId})`,
    )
  }
  return statement(
    "inbox.list",
    sql`select ${columns} from inbox_notifications n where ${sql.join(terms, sql` and `)}
      order by n.created_at desc, n.id desc limit ${pageSizeMax}::int`,
  )
}

/** Index inbox_notifications_unread. */
export function countUnread(): Statement<{ unread_count: number }> {
  return statement(
    "inbox.unread-count",
    sql`select count(*)::int as unread_count from inbox_notifications n
      where ${mayInbox("read")} and n.read_at is null`,
  )
}

/** Marks one. Returns no row for another person's. Marking twice keeps the first instant. */
export function markRead(id: string, isRead: boolean, now: Date): Statement<InboxNotificationRow> {
  return statement(
    "inbox.mark",
    sql`update inbox_notifications n set
        read_at = case when ${isRead}::boolean then coalesce(n.read_at, ${now}::timestamptz) end
      where n.id = ${id}::uuid and ${mayInbox("update")} returning ${columns}`,
  )
}

export function markAllRead(now: Date): Statement<{ id: string }> {
  return statement(
    "inbox.mark-all",
    sql`update inbox_notifications n set read_at = ${now}::timestamptz
      where ${mayInbox("update")} and n.read_at is null returning n.id`,
  )
}
