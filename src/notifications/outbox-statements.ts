// Moves messages from the outbox to the inboxes and to the queue of each webhook.
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../platform/db/client.ts"
import type { RowOf } from "../platform/db/row.ts"
import type { notificationMessages } from "../platform/db/schema/lifecycle.ts"
import { json } from "../platform/db/sql.ts"
import type { InboxNotificationRow } from "./inbox-statements.ts"
import type { Labels } from "./templates.ts"

export type PendingMessage = Pick<
  RowOf<typeof notificationMessages>,
  "id" | "user_id" | "template_id" | "targets"
> & {
  labels: Labels
  /** The workspace that the message is about, for its link. */
  workspace_name: string | null
  owner_name: string | null
}

export type InboxEntry = Omit<InboxNotificationRow, "read_at" | "created_at">

/** The oldest pending messages. Index notification_messages_pending. */
export function pendingMessages(now: Date, limit: number): Statement<PendingMessage> {
  return statement(
    "notifications.pending",
    sql`select m.id, m.user_id, m.template_id, m.labels, m.targets, w.name as workspace_name,
        w.owner_name
      from notification_messages m
      left join workspaces w on w.id = m.targets[1]
      where m.status = 'pending' and m.next_attempt_at <= ${now}::timestamptz
      order by m.next_attempt_at, m.id limit ${limit}::int`,
  )
}

/**
 * Puts messages into their inboxes and into the queue of every webhook.
 *
 * An inbox row has the id of its message, so two ticks at once, or a repeated one, add nothing. A
 * notification that its receiver switched off is delivered nowhere and does not stay pending.
 */
export function deliverToInbox(
  entries: readonly InboxEntry[],
  now: Date,
): Statement<{ id: string }> {
  return statement(
    "notifications.deliver",
    sql`with entries as (
      select * from jsonb_to_recordset(${json(entries)}) as e (id uuid, user_id uuid,
        template_id uuid, targets jsonb, title text, content text, icon text, actions jsonb)
    ), taken as (
      update notification_messages m
      set status = 'delivered', delivered_at = ${now}::timestamptz, attempts = m.attempts + 1
      from entries e where m.id = e.id and m.status = 'pending'
      returning m.id
    ), wanted as (
      select e.* from entries e join taken on taken.id = e.id
      where not exists (select from notification_preferences p
        where p.user_id = e.user_id and p.template_id = e.template_id and p.disabled)
    ), shown as (
      insert into inbox_notifications (id, user_id, template_id, targets, title, content, icon,
        actions, created_at)
      select e.id, e.user_id, e.template_id,
        array(select t::uuid from jsonb_array_elements_text(e.targets) t),
        e.title, e.content, e.icon, e.actions, ${now}::timestamptz
      from wanted e
      on conflict (id) do nothing
    ), queued as (
      insert into notification_deliveries (message_id, webhook_id, next_attempt_at, created_at)
      select wanted.id, h.id, ${now}::timestamptz, ${now}::timestamptz
      from wanted, notification_webhooks h
      on conflict do nothing
    )
    select id from taken`,
  )
}
