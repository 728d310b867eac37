// Daemons: registration and signs of life.
import { sql } from "drizzle-orm"
import { statement } from "../../platform/db/client.ts"
import { json, texts } from "../../platform/db/sql.ts"
import type { Domain } from "../notify/domain.ts"
import type { Tags } from "../tags.ts"
import { actorKeyId, actorOrganizationId } from "./actor.ts"

export type DaemonRow = {
  id: string
  organization_id: string
  key_id: string
  key_name: string
  created_at: Date
  last_seen_at: Date | null
  name: string
  version: string
  api_version: string
  provisioners: string[]
  tags: Record<string, string>
}

export type NewDaemon = {
  id: string
  name: string
  version: string
  apiVersion: string
  provisioners: string[]
  /** Normalised; null if the daemon sent no tags. */
  tags: Tags | null
  now: Date
}

/**
 * Registers a daemon under its key. The same name updates the same row and keeps its id. The daemon
 * has its key's tags if the key has any; then a daemon that sends tags of its own gets no row.
 */
export const registerDaemon = (daemon: NewDaemon) =>
  statement<DaemonRow>(
    "provisioner-daemons.register",
    sql`insert into provisioner_daemons (id, organization_id, key_id, name, version, api_version,
        provisioners, tags,
        created_at, last_seen_at)
      select ${daemon.id}::uuid, k.organization_id, k.id, ${daemon.name}, ${daemon.version},
        ${daemon.apiVersion},
        ${texts(daemon.provisioners)}, ${keyTags(daemon.tags)}, ${daemon.now}::timestamptz,
        ${daemon.now}::timestamptz
      from provisioner_keys k
      where k.id = ${actorKeyId} and (${daemon.tags === null} or ${isUntagged})
      on conflict (key_id, name) do update
      set version = excluded.version, api_version = excluded.api_version,
        provisioners = excluded.provisioners, tags = excluded.tags,
        last_seen_at = greatest(provisioner_daemons.last_seen_at, excluded.last_seen_at)
      returning id, organization_id, key_id, (select name from provisioner_keys
        where id = key_id) as key_name, created_at,
        last_seen_at, name, version, api_version, provisioners, tags`,
  )

const untagged = sql`'{"scope": "organization", "owner": ""}'::jsonb`
const isUntagged = sql`(k.tags = '{}' or k.tags = ${untagged})`

function keyTags(tags: Tags | null) {
  const own = tags === null ? untagged : json(tags)
  return sql`case when ${isUntagged} then ${own} else k.tags end`
}

/** Marks a daemon as seen. Returns no row if the key does not own it. */
export const heartbeatDaemon = (id: string, now: Date) =>
  statement<{ id: string }>(
    "provisioner-daemons.heartbeat",
    sql`update provisioner_daemons set last_seen_at = greatest(last_seen_at, ${now}::timestamptz)
      where id = ${id}::uuid and key_id = ${actorKeyId} returning id`,
  )

/**
 * Reads the domain of a daemon as it was last registered, for the board that wakes it. Marks the
 * daemon as seen, so that it gets hints from then on.
 */
export const daemonDomain = (id: string, now: Date) =>
  statement<Domain>(
    "provisioner-daemons.domain",
    sql`update provisioner_daemons set last_seen_at = greatest(last_seen_at, ${now}::timestamptz)
      where id = ${id}::uuid and key_id = ${actorKeyId} and organization_id = ${actorOrganizationId}
      returning organization_id, provisioners, tags`,
  )
