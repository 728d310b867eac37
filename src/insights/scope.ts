// The templates of an insights request: those named, or all whose insights the caller may see.
import { type SQL, sql } from "drizzle-orm"
import { may } from "../access/may.ts"
import { type Statement, statement } from "../platform/db/client.ts"
import { uuids } from "../platform/db/sql.ts"

const columns = { id: sql`t.id`, organization: sql`t.organization_id` }

/**
 * True for a template id (SQL) in the scope of the request. Deleted templates keep their history.
 */
export function isWithinScope(templateId: SQL, templateIds: readonly string[]): SQL {
  const named = templateIds.length === 0 ? sql`` : sql` and t.id = any (${uuids(templateIds)})`
  return sql`${templateId} in (select t.id from templates t
    where ${may("view_insights", "template", columns)}${named})`
}

/** Returns what the caller may do with each named template; no row for one that cannot be read. */
export function readScope(
  templateIds: readonly string[],
): Statement<{ id: string; allowed: boolean }> {
  return statement(
    "insights.scope",
    sql`select t.id, ${may("view_insights", "template", columns)} as allowed from templates t
      where t.id = any (${uuids(templateIds)}) and (${may("read", "template", columns)}
        or ${may("view_insights", "template", columns)})`,
  )
}

/** True if the caller may see the insights of at least one template, or of the deployment. */
export function readReach(): Statement<{ allowed: boolean }> {
  return statement(
    "insights.reach",
    sql`select ${may("read", "deployment_stats")}
      or exists (select from templates t
        where ${may("view_insights", "template", columns)}) as allowed`,
  )
}

/** True if the caller may read everybody, or the state of the whole deployment. */
export function readPeopleReach(): Statement<{ allowed: boolean }> {
  return statement(
    "insights.people-reach",
    sql`select ${may("read", "deployment_stats")} or ${may("read", "user")} as allowed`,
  )
}

/** Returns a row if the caller may read the template. */
export function readTemplate(templateId: string): Statement<{ id: string }> {
  return statement(
    "insights.template",
    sql`select t.id from templates t
      where t.id = ${templateId} and not t.deleted and ${may("read", "template", columns)}`,
  )
}
