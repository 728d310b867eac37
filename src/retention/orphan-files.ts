// Retention of uploads: rows that no version was made of, and R2 objects that no row names.
import { type SQL, sql } from "drizzle-orm"
import { type Database, type Statement, statement } from "../platform/db/client.ts"
import { json, texts } from "../platform/db/sql.ts"
import { retentionMs } from "./periods.ts"

const fileCountMax = 50

/** Objects per page; the next run continues after them, and starts again at the end. */
const objectCountMax = 1_000

/**
 * Deletes uploads that no version was made of. Jobs take their file from a version, so only
 * versions can use one.
 */
function deleteOrphanFiles(before: SQL): Statement<{ hash: string }> {
  return statement(
    "retention.files",
    sql`with orphans as (
      select f.id from files f
      where f.created_at < ${before} and not exists (select from template_versions v
        where v.file_id = f.id)
        and not exists (select from provisioner_jobs j where j.file_id = f.id)
      order by f.created_at limit ${fileCountMax} for update skip locked
    )
    delete from files f using orphans o
    where f.id = o.id and not exists (select from provisioner_jobs j where j.file_id = f.id)
    returning f.hash`,
  )
}

/** Returns the hashes among these that no upload names any longer. */
function findUnnamed(hashes: readonly string[]): Statement<{ hash: string }> {
  return statement(
    "retention.unnamed-contents",
    sql`select distinct h.hash from unnest(${texts(hashes)}) as h(hash)
      where not exists (select from files f where f.hash = h.hash)`,
  )
}

/**
 * Removes old uploads, then their contents if no other upload names them. That is checked last,
 * since somebody may upload the same content again.
 */
export async function removeOrphanFiles(
  db: Database,
  bucket: R2Bucket,
  now: Date,
): Promise<{ files: number; contents: number }> {
  const before = new Date(now.getTime() - retentionMs.files)
  const deleted = await db.all(deleteOrphanFiles(sql`${before}::timestamptz`))
  const contents = await removeUnnamed(
    db,
    bucket,
    deleted.map(({ hash }) => hash),
  )
  return { files: deleted.length, contents }
}

const readPlace = statement<{ after: string | null }>(
  "retention.contents-place",
  sql`select document->>'after' as after from rollup_marks where name = 'contents'`,
)

const keepPlace = (after: string | null, now: Date): Statement<never> =>
  statement(
    "retention.keep-contents-place",
    sql`insert into rollup_marks (name, through_at, document)
      values ('contents', ${now}::timestamptz, ${json({ after })})
      on conflict (name) do update set through_at = excluded.through_at,
        document = excluded.document`,
  )

/**
 * Walks the bucket a page at a time for stray contents. An upload may fail between its content and
 * its row, and a row may be deleted while the bucket cannot be reached. Two walks at once look at
 * the same page, which is harmless.
 */
export async function removeStrayContents(
  db: Database,
  bucket: R2Bucket,
  now: Date,
): Promise<number> {
  const [place] = await db.all(readPlace)
  const after = place?.after ?? undefined
  const page = await bucket.list({
    limit: objectCountMax,
    ...(after === undefined ? {} : { startAfter: after }),
  })
  const before = now.getTime() - retentionMs.files
  const old = page.objects.filter(({ uploaded }) => uploaded.getTime() < before)
  const removed = await removeUnnamed(
    db,
    bucket,
    old.map(({ key }) => key),
  )
  await db.all(keepPlace(page.truncated ? (page.objects.at(-1)?.key ?? null) : null, now))
  return removed
}

async function removeUnnamed(
  db: Database,
  bucket: R2Bucket,
  names: readonly string[],
): Promise<number> {
  if (names.length === 0) return 0
  const unnamed = await db.all(findUnnamed(names))
  if (unnamed.length > 0) await bucket.delete(unnamed.map(({ hash }) => hash))
  return unnamed.length
}
