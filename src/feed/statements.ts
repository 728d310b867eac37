// A shard's statements: what its watchers see, and whether they still may.
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../platform/db/client.ts"
import { uuids } from "../platform/db/sql.ts"
import { may } from "../access/may.ts"
import { isVisible } from "../workspaces/list/page.ts"
import { workspaceColumns, type WorkspaceRow } from "../workspaces/view.ts"

/** Reads whole workspaces, deleted or not. The review checks their watchers each minute. */
export function watchedWorkspaces(ids: readonly string[], now: Date): Statement<WorkspaceRow> {
  return statement(
    "feed.workspaces",
    sql`
    select ${workspaceColumns(now)} from workspaces_expanded whole
    where whole.id = any(${uuids(ids)})`,
  )
}

export type InboxRow = {
  user_id: string
  unread_count: number
  notifications: {
    id: string
    user_id: string
    template_id: string
    targets: string[]
    title: string
    content: string
    icon: string
    actions: { label: string; url: string }[]
    read_at: string | null
    created_at: string
  }[]
}

/** The most notifications that one reading shows a watcher. */
const inboxReadMax = 100

/** Reads what arrived in these inboxes at `since` or later, oldest first. */
export function watchedInboxes(userIds: readonly string[], since: Date): Statement<InboxRow> {
  return statement(
    "feed.inboxes",
    sql`
    select u.id as user_id,
      (select count(*)::int from inbox_notifications n
        where n.user_id = u.id and n.read_at is null) as unread_count,
      (select coalesce(json_agg(json_build_object('id', n.id, 'user_id', n.user_id,
          'template_id', n.template_id, 'targets', n.targets, 'title', n.title,
          'content', n.content, 'icon', n.icon, 'actions', n.actions, 'read_at', n.read_at,
          'created_at', n.created_at) order by n.created_at, n.id), '[]')
        from (
          select * from inbox_notifications n
          where n.user_id = u.id and n.created_at >= ${since}::timestamptz
          order by n.created_at desc, n.id desc limit ${inboxReadMax}) n) as notifications
    from unnest(${uuids(userIds)}) as u (id)`,
  )
}

/** Reads the ids in the caller's own inbox since then: a new watcher must not receive them. */
export function ownInboxSince(since: Date): Statement<{ id: string }> {
  return statement(
    "feed.own-inbox-since",
    sql`
    select n.id from inbox_notifications n
    where n.user_id = actor_id() and n.created_at >= ${since}::timestamptz
    order by n.created_at desc, n.id desc limit ${inboxReadMax}`,
  )
}

/** Returns which of these workspaces the transaction's actor may read. */
export function stillVisible(ids: readonly string[]): Statement<{ id: string }> {
  return statement(
    "feed.still-visible",
    sql`select w.id from workspaces w where w.id = any(${uuids(ids)}) and ${isVisible()}`,
  )
}

/** Returns which of these jobs import versions that the transaction's actor may read. */
export function stillReadableImports(jobIds: readonly string[]): Statement<{ id: string }> {
  const columns = { id: sql`v.template_id`, organization: sql`v.organization_id` }
  return statement(
    "feed.still-readable-imports",
    sql`
    select v.job_id as id from template_versions v
    where v.job_id = any(${uuids(jobIds)}) and ${may("read", "template", columns)}`,
  )
}
