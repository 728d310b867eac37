// The audit row as part of the statement it records.
//
// It is a data-modifying CTE over the rows that the mutation returned, so neither exists without
// the other.
import { sql, type SQL } from "drizzle-orm"
import { json } from "../platform/db/sql.ts"
import { nilUuid } from "../platform/http/wire.ts"

/** The facts of the request in every audit row. */
export type AuditRequest = { requestId: string; ip: string; userAgent: string; now: Date }

/** The tick has no request: its audit rows carry the nil id and the loopback address. */
export const nilRequest = { requestId: nilUuid, ip: "127.0.0.1", userAgent: "" }

export type AuditRow = {
  /** SQL over the columns of `from`. */
  resourceId: SQL
  resourceTarget: SQL
  organizationId?: SQL
  userId?: SQL
  diff?: SQL
  additionalFields?: SQL
  resourceType: string
  action: string | SQL
  statusCode?: number
}

/**
 * `insert into audit_logs ... select ... from <from>`: one audit row for each row of `from`.
 *
 * Used as a CTE of the mutation's statement: `with changed as (update ... returning ...), audited
 * as (<auditInsert>) select ...`.
 */
export function auditInsert(request: AuditRequest, row: AuditRow, from: SQL): SQL {
  const { requestId, ip, userAgent, now } = request
  const userId = row.userId ?? sql`actor_id()`
  const organizationId = row.organizationId ?? sql`null::uuid`
  const diff = row.diff ?? json({})
  const additionalFields = row.additionalFields ?? json({})
  return sql`insert into audit_logs (id, time, request_id, user_id, organization_id, ip,
      user_agent, resource_type, resource_id, resource_target, action, diff, status_code,
      additional_fields)
    select gen_random_uuid(), ${now}::timestamptz, ${requestId}, ${userId}, ${organizationId},
      ${ip},
      ${userAgent}, ${row.resourceType}, ${row.resourceId}, ${row.resourceTarget}, ${row.action},
      ${diff}, ${row.statusCode ?? 200}::int, ${additionalFields}
    from ${from}`
}
