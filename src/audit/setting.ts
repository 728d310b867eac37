// Settings of the deployment: one row each, changed only together with its audit row.
import { sql } from "drizzle-orm"
import { actorId, may } from "../access/may.ts"
import { statement, type Statement } from "../platform/db/client.ts"
import { json } from "../platform/db/sql.ts"
import { nilUuid } from "../platform/http/wire.ts"
import { auditInsert, type AuditRequest } from "./fragment.ts"

/** A setting's stored value; no row if it was never written. */
export function readSetting(key: string): Statement<{ value: unknown }> {
  return statement("settings.read", sql`select value from site_configs where key = ${key}`)
}

/**
 * Writes a setting, if the caller may change the deployment. `changed` is false if the stored value
 * is already the same; a value that was never written counts as `missing`.
 *
 * Of two writers at once the later one wins. Its audit row compares with the value that was
 * committed when its statement began. Repeating a write changes nothing.
 */
export function writeSetting(
  key: string,
  { value, missing }: { value: object; missing: object },
  request: AuditRequest,
): Statement<{ allowed: boolean; changed: boolean }> {
  const mayWrite = may("update", "deployment_config")
  return statement(
    "settings.write",
    sql`
    with before as (
      select coalesce(
        (select value from site_configs where key = ${key}), ${json(missing)}) as value
    ), changed as (
      insert into site_configs as c (key, value)
      select ${key}, ${json(value)} where ${mayWrite}
      on conflict (key) do update set value = excluded.value where c.value <> excluded.value
      returning value
    ), audited as (${auditInsert(
      request,
      {
        resourceType: key,
        resourceId: sql`${nilUuid}::uuid`,
        resourceTarget: sql`${key.replaceAll("_", " ")}`,
        userId: actorId,
        action: "write",
        diff: sql`(
          select coalesce(jsonb_object_agg(now.key, jsonb_build_object(
            'old', before.value -> now.key, 'new', now.value, 'secret', false)), '{}')
          from before, jsonb_each(changed.value) now
          where now.value is distinct from before.value -> now.key)`,
      },
      sql`changed`,
    )})
    select ${mayWrite} as allowed, exists (select from changed) as changed`,
  )
}
