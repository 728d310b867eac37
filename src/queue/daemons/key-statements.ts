// Provisioner keys: stored as a hash, revoked by deletion.
//
// A key fixes the organization and the tags of its daemons.
import { sql } from "drizzle-orm"
import { may } from "../../access/may.ts"
import { organizationIdOf } from "../../access/lookup.ts"
import { auditDiff } from "../../audit/diff.ts"
import { auditInsert, type AuditRequest, type AuditRow } from "../../audit/fragment.ts"
import { statement } from "../../platform/db/client.ts"
import { json } from "../../platform/db/sql.ts"
import type { Tags } from "../tags.ts"

export type KeyRow = {
  id: string
  organization_id: string
  name: string
  tags: Record<string, string>
  created_at: Date
}

/** The audit row of the key `k`. Its secret is never written. */
function audited(action: "create" | "delete", statusCode: number): AuditRow {
  const side = action === "create" ? "new" : "old"
  return {
    resourceType: "provisioner_key",
    resourceId: sql`k.id`,
    resourceTarget: sql`k.name`,
    organizationId: sql`k.organization_id`,
    action,
    statusCode,
    diff: auditDiff({ name: { [side]: sql`k.name` }, tags: { [side]: sql`k.tags` } }),
  }
}

/** A key in a jsonb array, where instants are texts. */
export type ListedKey = Omit<KeyRow, "created_at"> & { created_at: string }

const readable = may("read", "provisioner_daemon", { organization: sql`o.id` })

export type NewKey = {
  id: string
  organization: string
  name: string
  tags: Tags
  hash: Uint8Array
  now: Date
}

/**
 * Creates a key. Returns one row if the caller can read the organization; `created` is false if the
 * caller may not create keys or the name is taken.
 */
export const createKey = (key: NewKey, request: AuditRequest) =>
  statement<{ allowed: boolean; created: boolean }>(
    "provisioner-keys.create",
    sql`with asked as (
      select o.id, ${may("create", "provisioner_daemon", { organization: sql`o.id` })} as allowed
      from organizations o where o.id = ${organizationIdOf(key.organization)} and ${readable}
    ), created as (
      insert into provisioner_keys (id, organization_id, name, hashed_secret, tags, created_at)
      select ${key.id}::uuid, a.id, ${key.name}, ${key.hash}::bytea, ${json(key.tags)},
        ${key.now}::timestamptz
      from asked a where a.allowed
      on conflict do nothing returning id, name, organization_id, tags
    ), audited as (${auditInsert(request, audited("create", 201), sql`created k`)})
    select a.allowed, exists (select 1 from created) as created from asked a`,
  )

/** Lists the keys of an organization by name; no row if the caller cannot read the organization. */
export const listKeys = (organization: string) =>
  statement<{
    organization_id: string
    keys: ListedKey[]
  }>(
    "provisioner-keys.list",
    sql`select o.id as organization_id, (
      select coalesce(json_agg(json_build_object('id', k.id, 'organization_id', k.organization_id,
        'name', k.name,
        'tags', k.tags, 'created_at', k.created_at) order by lower(k.name)), '[]')
      from provisioner_keys k where k.organization_id = o.id) as keys
    from organizations o where o.id = ${organizationIdOf(organization)} and ${readable}`,
  )

/** Deletes a key and, by its foreign key, its daemons. Their jobs fall silent and are reaped. */
export const deleteKey = (organization: string, name: string, request: AuditRequest) =>
  statement<{ allowed: boolean; deleted: boolean }>(
    "provisioner-keys.delete",
    sql`with asked as (
      select o.id, ${may("delete", "provisioner_daemon", { organization: sql`o.id` })} as allowed
      from organizations o where o.id = ${organizationIdOf(organization)} and ${readable}
    ), gone as (
      delete from provisioner_keys k using asked a
      where a.allowed and k.organization_id = a.id and lower(k.name) = lower(${name})
      returning k.id, k.name, k.organization_id, k.tags
    ), audited as (${auditInsert(request, audited("delete", 204), sql`gone k`)})
    select a.allowed, exists (select 1 from gone) as deleted from asked a`,
  )
