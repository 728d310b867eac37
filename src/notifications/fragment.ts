// The outbox row as part of the statement that causes the notification.
//
// A repeated statement has the same key and adds nothing.
import { sql, type SQL } from "drizzle-orm"

export type OutboxRow = {
  /** The notification's template id. */
  templateId: SQL | string
  userId: SQL
  /** A jsonb object of labels. */
  labels: SQL
  /** uuid[]: workspace, owner, template, organization. */
  targets: SQL
  createdBy: string
  /** The same event of the same cause has the same key. */
  idempotencyKey: SQL
}

/** An insert into the outbox, one row for each row of `from`: a CTE of the mutation's statement. */
export function outboxInsert(row: OutboxRow, from: SQL, now: Date): SQL {
  return sql`insert into notification_messages (id, idempotency_key, template_id, user_id, labels,
      targets, created_by, next_attempt_at, created_at)
    select gen_random_uuid(), ${row.idempotencyKey}, ${row.templateId}::uuid, ${row.userId},
      ${row.labels}, ${row.targets}, ${row.createdBy}, ${now}::timestamptz, ${now}::timestamptz
    from ${from}
    on conflict (idempotency_key) do nothing`
}
