// Changes of one workspace: one statement finds it, checks it, writes it and records the change.
import { sql, type SQL } from "drizzle-orm"
import { may } from "../access/may.ts"
import { auditInsert, type AuditRequest } from "../audit/fragment.ts"
import { statement, type Statement } from "../platform/db/client.ts"
import { ApiError, conflict, forbidden, notFound } from "../platform/http/errors.ts"
import { isVisible } from "./list/page.ts"

/** What every change needs to know of the workspace as it was. */
export type ChangeFacts = {
  name: string
  owner_id: string
  is_prebuild: boolean
  may_update: boolean
  is_changed: boolean
}

export type Change = {
  /** The statement's name in logs. */
  name: string
  /**
   * Assignments to `workspaces w` from `target`, the row as it was with its template's policy.
   * Null if the change is in another table.
   */
  set: SQL | null
  /** Preconditions over `target`, besides the right to update. */
  where: SQL
  /** More columns of `target` to return. */
  facts?: SQL
  /** More CTEs, over `changed` (id, name, organization_id, latest_build_id) and `target`. */
  alsoWith?: SQL
  /** The columns whose old and new values the audit trail keeps. Null if it records nothing. */
  audited: readonly string[] | null
  /** True if a deleted workspace is found too, for a change that has its own answer for it. */
  isDeletedFound?: boolean
}

/**
 * Returns no row if the caller may not read the workspace, or if it is deleted.
 *
 * The row is locked before it is checked, so the second of two changes at once sees the first. Run
 * twice, it writes the same again.
 */
export function changeWorkspace<Facts = object>(
  id: string,
  change: Change,
  request: AuditRequest,
): Statement<ChangeFacts & Facts> {
  const rights = { id: sql`w.id`, owner: sql`w.owner_id`, organization: sql`w.organization_id` }
  const changed =
    change.set === null
      ? sql`select x.id, x.name, x.organization_id, x.latest_build_id
          from target x where x.may_update and ${change.where}`
      : sql`update workspaces w set ${change.set} from target x
          where w.id = x.id and x.may_update and ${change.where}
          returning w.*`
  return statement(
    change.name,
    sql`with target as materialized (
      select w.*, ${may("update", "workspace", rights)} as may_update,
        w.owner_id = prebuilds_user_id() as is_prebuild, t.allow_user_autostart,
        t.allow_user_autostop, t.autostart_days, t.time_til_dormant_autodelete_ms
      from workspaces w join templates t on t.id = w.template_id
      where w.id = ${id}::uuid and ${isVisible()}
        and (${change.isDeletedFound ?? false}::boolean or not w.deleted)
      for update of w
    ), changed as (${changed})
    ${change.alsoWith === undefined ? sql`` : sql`, ${change.alsoWith}`}
    ${change.audited === null ? sql`` : sql`, audited as (${auditChange(change.audited, request)})`}
    select x.name, x.owner_id, x.is_prebuild, x.may_update,
      exists (select 1 from changed) as is_changed
      ${change.facts === undefined ? sql`` : sql`, ${change.facts}`}
    from target x`,
  )
}

function auditChange(columns: readonly string[], request: AuditRequest): SQL {
  const diff = columns.flatMap((column) => {
    const name = sql.raw(column)
    return [
      sql`${column}::text, jsonb_build_object(
        'old', to_jsonb(x.${name}), 'new', to_jsonb(c.${name}), 'secret', false)`,
    ]
  })
  return auditInsert(
    request,
    {
      resourceType: "workspace",
      resourceId: sql`c.id`,
      resourceTarget: sql`c.name`,
      organizationId: sql`c.organization_id`,
      action: "write",
      diff: sql`jsonb_build_object(${sql.join(diff, sql`, `)})`,
    },
    sql`changed c join target x on x.id = c.id`,
  )
}

/** The refusals that all changes share: not found, forbidden, and optionally not for prebuilds. */
export function requireTarget<Facts extends ChangeFacts>(
  facts: Facts | undefined,
  prebuildRefusal?: { message: string; detail: string },
): Facts {
  if (facts === undefined) throw notFound()
  if (!facts.may_update) throw forbidden()
  if (facts.is_prebuild && prebuildRefusal !== undefined) {
    throw conflict(prebuildRefusal.message, { detail: prebuildRefusal.detail })
  }
  return facts
}

/** Rejects a change that was not made for no known reason: the workspace changed in between. */
export function requireChanged(facts: ChangeFacts): void {
  if (!facts.is_changed) throw new ApiError(409, "The workspace has changed. Please try again.")
}
