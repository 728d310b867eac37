// The queue of messages to webhooks.
//
// Deliveries are claimed with a lease, so the next sender takes those of one that died.
import { sql } from "drizzle-orm"
import type { CipherSubject } from "../access/token-cipher.ts"
import { statement, type Statement } from "../platform/db/client.ts"
import type { RowOf } from "../platform/db/row.ts"
import type {
  notificationDeliveries,
  notificationMessages,
  notificationWebhooks,
} from "../platform/db/schema/lifecycle.ts"
import { json } from "../platform/db/sql.ts"
import type { Labels } from "./templates.ts"

const minuteMs = 60_000
const leaseMs = 2 * minuteMs
const backoffMsMax = 60 * minuteMs
/** A message fails for good if its target did not accept it for three days. */
const ageMsMax = 72 * 60 * minuteMs

export type ClaimedDelivery = Pick<
  RowOf<typeof notificationDeliveries>,
  "message_id" | "webhook_id"
> &
  Pick<RowOf<typeof notificationWebhooks>, "url" | "encrypted_secret"> &
  Pick<RowOf<typeof notificationMessages>, "user_id" | "template_id" | "targets" | "created_at"> & {
    labels: Labels
  }

/**
 * Claims due deliveries of targets that are not in back-off. Two senders at once claim different
 * ones.
 */
export function claimDeliveries(now: Date, limit: number): Statement<ClaimedDelivery> {
  const leasedUntil = new Date(now.getTime() + leaseMs)
  return statement(
    "notifications.claim-deliveries",
    sql`with chosen as materialized (
      select d.message_id, d.webhook_id from notification_deliveries d
      join notification_webhooks h on h.id = d.webhook_id
        and coalesce(h.next_attempt_at, '-infinity') <= ${now}::timestamptz
      where d.status = 'pending' and d.next_attempt_at <= ${now}::timestamptz
      order by d.next_attempt_at, d.message_id limit ${limit}::int for update of d skip locked
    ), claimed as (
      update notification_deliveries d
      set attempts = d.attempts + 1, next_attempt_at = ${leasedUntil}::timestamptz
      from chosen c where d.message_id = c.message_id and d.webhook_id = c.webhook_id
      returning d.message_id, d.webhook_id
    )
    select c.message_id, c.webhook_id, h.url, h.encrypted_secret, m.user_id, m.template_id,
      m.labels,
      m.targets, m.created_at
    from claimed c
    join notification_webhooks h on h.id = c.webhook_id
    join notification_messages m on m.id = c.message_id
    order by m.created_at, m.id`,
  )
}

/** The row that holds a webhook's secret. */
export const webhookSubject = (id: string): CipherSubject => ({ kind: "webhook-secret", id })

export type DeliveryResult = { message_id: string; webhook_id: string; error: string | null }

/**
 * Records results of deliveries. A failed target backs off one, two, four minutes, up to an hour.
 */
export function recordDeliveries(
  results: readonly DeliveryResult[],
  now: Date,
): Statement<{ id: string; failures: number }> {
  const giveUpBefore = new Date(now.getTime() - ageMsMax)
  return statement(
    "notifications.record-deliveries",
    sql`with results as materialized (
      select * from jsonb_to_recordset(${json(results)})
        as r (message_id uuid, webhook_id uuid, error text)
    ), written as (
      update notification_deliveries d set
        status = case when r.error is null then 'delivered'
          when d.created_at < ${giveUpBefore}::timestamptz then 'failed' else 'pending' end,
        delivered_at = case when r.error is null then ${now}::timestamptz end,
        last_error = r.error,
        next_attempt_at = ${now}::timestamptz
      from results r
      where d.message_id = r.message_id and d.webhook_id = r.webhook_id and d.status = 'pending'
      returning d.message_id
    )
    update notification_webhooks h set
      failures = case when s.error is null then 0 else h.failures + 1 end,
      last_error = s.error,
      last_success_at =
        case when s.error is null then ${now}::timestamptz else h.last_success_at end,
      next_attempt_at = case when s.error is not null then ${now}::timestamptz
        + least(${minuteMs}::int * power(2, least(h.failures, 10)), ${backoffMsMax}::int)
          * interval '1 millisecond' end
    from (select webhook_id, max(error) as error from results group by webhook_id) s
    where h.id = s.webhook_id
    returning h.id, h.failures`,
  )
}

export type WebhookRow = Omit<
  RowOf<typeof notificationWebhooks>,
  "encrypted_secret" | "created_by"
> & { pending_count: number }
