// The records of uploaded archives.
import { sql } from "drizzle-orm"
import { actorId, may } from "../access/may.ts"
import { statement } from "../db/client.ts"
import type { StoredUpload } from "./store-upload.ts"

/** Whether the caller may create templates anywhere: who may not has no use for an upload. */
export const mayUpload = () =>
  statement<{ allowed: boolean }>(
    "files.may-upload",
    sql`select exists (
      select 1 from organizations o
      where not o.deleted and ${may("create", "template", { organization: sql`o.id` })}
    ) as allowed`,
  )

/** Records an upload; the same content of the same user keeps its record, however often it comes. */
export const recordFile = (id: string, upload: StoredUpload, mimetype: string, now: Date) =>
  statement<{ id: string; created: boolean }>(
    "files.record",
    sql`insert into files (id, hash, mimetype, size_bytes, created_by, created_at)
    values (${id}::uuid, ${upload.hash}, ${mimetype}, ${upload.sizeBytes}::bigint, ${actorId}, ${now}::timestamptz)
    on conflict (hash, created_by) do update set mimetype = excluded.mimetype
    returning id, id = ${id}::uuid as created`,
  )

/** A file for who uploaded it, and for who may change templates where a version was made of it. */
export const readableFile = (id: string) =>
  statement<{ hash: string; mimetype: string; size_bytes: number }>(
    "files.readable",
    sql`select f.hash, f.mimetype, f.size_bytes from files f
    where f.id = ${id}::uuid and (f.created_by = ${actorId} or exists (
      select 1 from template_versions v
      where v.file_id = f.id and ${may("update", "template", { organization: sql`v.organization_id` })}))`,
  )
