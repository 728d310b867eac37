// What watchers of an inbox see: each notification that arrives after they connect, exactly once.
//
// A tick dates its notifications with its own minute, so a new one may be older than the watcher.
// The cursor therefore holds the ids of an overlap that is longer than any tick's delay.
import type { Database } from "../platform/db/client.ts"
import { parseInstant } from "../platform/db/values.ts"
import { wireTime, wireTimeOrNull } from "../platform/http/wire.ts"
import { watchedInboxes, type InboxRow } from "./statements.ts"
import type { Watcher } from "./watchers.ts"

export const inboxOverlapMs = 5 * 60_000

export async function showInboxes(db: Database, watchers: readonly Watcher[]): Promise<void> {
  if (watchers.length === 0) return
  const since = new Date(
    Math.min(...watchers.map((watcher) => readCursor(watcher.state().cursor).at)),
  )
  const userIds = [...new Set(watchers.map((watcher) => watcher.state().id))]
  const rows = await db.all(watchedInboxes(userIds, since))
  const byUser = new Map(rows.map((row) => [row.user_id, row]))
  for (const watcher of watchers) {
    const row = byUser.get(watcher.state().id)
    if (row !== undefined) showInbox(row, watcher)
  }
}

function showInbox(row: InboxRow, watcher: Watcher): void {
  const state = watcher.state()
  const seen = readCursor(state.cursor)
  const read = row.notifications.map((one) => ({ ...one, at: parseInstant(one.created_at) }))
  const fresh = read.filter(({ id, at }) => at.getTime() >= seen.at && !seen.ids.includes(id))
  for (const { at, read_at, ...notification } of fresh) {
    const { targets = [], templates = [], readStatus = "all" } = state.inbox ?? {}
    const isWanted =
      targets.every((target) => notification.targets.includes(target)) &&
      (templates.length === 0 || templates.includes(notification.template_id)) &&
      (readStatus === "all" || (readStatus === "read") === (read_at !== null))
    if (!isWanted) continue
    watcher.sendBare({
      notification: {
        ...notification,
        icon: notification.icon || "DEFAULT_ICON_OTHER",
        created_at: wireTime(at),
        read_at: wireTimeOrNull(read_at === null ? null : parseInstant(read_at)),
      },
      unread_count: row.unread_count,
    })
  }
  const last = fresh.at(-1)
  if (last === undefined) return
  const from = Math.max(seen.at, last.at.getTime() - inboxOverlapMs)
  const ids = read.filter(({ at }) => at.getTime() >= from).map(({ id }) => id)
  watcher.remember({ ...state, cursor: inboxCursor(new Date(from), ids) })
}

/** The ids of the notifications since an instant that existed before or have been shown. */
export function inboxCursor(at: Date, ids: readonly string[]): string {
  return JSON.stringify({ at: at.getTime(), ids })
}

function readCursor(cursor: string | null): { at: number; ids: string[] } {
  return JSON.parse(cursor ?? '{"at":0,"ids":[]}') as { at: number; ids: string[] }
}
