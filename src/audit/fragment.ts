// The audit row that rides in the statement it records: a data-modifying CTE over the rows that the mutation returned, so
// that neither can exist without the other.
import { sql, type SQL } from "drizzle-orm"
import { json } from "../platform/db/sql.ts"
import { nilUuid } from "../platform/http/wire.ts"

/** Facts of the request that every audit row carries. */
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
 * `insert into audit_logs ... select ... from <from>`: one row a row of `from`. For use as a CTE of the mutation's statement:
 * sql`with changed as (update ... returning ...), audited as (${auditInsert(request, row, sql`changed`)}) select ...`.
 */
export function auditInsert(request: AuditRequest, row: AuditRow, from: SQL): SQL {
  return sql`insert into audit_logs (id, time, request_id, user_id, organization_id, ip, user_agent, resource_type, resource_id,
      resource_target, action, diff, status_code, additional_fields)
    select gen_random_uuid(), ${request.now}::timestamptz, ${request.requestId}, ${row.userId ?? sql`actor_id()`},
      ${row.organizationId ?? sql`null::uuid`}, ${request.ip}, ${request.userAgent}, ${row.resourceType}, ${row.resourceId},
      ${row.resourceTarget}, ${row.action}, ${row.diff ?? json({})}, ${row.statusCode ?? 200}::int, ${row.additionalFields ?? json({})}
    from ${from}`
}
