// Statements about the records of uploaded archives.
import { sql } from "drizzle-orm"
import { actorId, may } from "../../access/may.ts"
import { statement } from "../../platform/db/client.ts"
import type { StoredUpload } from "./store-upload.ts"

/** Whether the caller may upload at all. */
export const mayUpload = () =>
  statement<{ allowed: boolean }>(
    "files.may-upload",
    sql`select ${may("create", "file", { owner: actorId })} as allowed`,
  )

/** Records an upload. The same content of the same user keeps its record. */
export const recordFile = (id: string, upload: StoredUpload, mimetype: string, now: Date) =>
  statement<{ id: string; created: boolean }>(
    "files.record",
    sql`insert into files (id, hash, mimetype, size_bytes, created_by, created_at)
    values (${id}::uuid, ${upload.hash}, ${mimetype}, ${upload.sizeBytes}::bigint, ${actorId},
      ${now}::timestamptz)
    on conflict (hash, created_by) do update set mimetype = excluded.mimetype
    returning id, id = ${id}::uuid as created`,
  )

/**
 * A file, for the person who uploaded it, and for those who may read files in an organization that
 * has a version of it.
 */
export const readableFile = (id: string) =>
  statement<{ hash: string; mimetype: string; size_bytes: number }>(
    "files.readable",
    sql`select f.hash, f.mimetype, f.size_bytes from files f
    where f.id = ${id}::uuid and (${may("read", "file", { owner: sql`f.created_by` })} or exists (
      select 1 from template_versions v
      where v.file_id = f.id
        and ${may("read", "file", { organization: sql`v.organization_id` })}))`,
  )
