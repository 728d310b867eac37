// What each kind of topic shows: how a watcher's frames follow from what was read and what they have seen.
import { connect, parseDatabaseUrl, type Database } from "../db/client.ts"
import { DatabaseUnavailable } from "../db/errors.ts"
import { parseInstant } from "../db/values.ts"
import { stableHash } from "../http/stable-hash.ts"
import { wireTime, wireTimeOrNull } from "../http/wire.ts"
import type { TopicKind } from "../http/publish.ts"
import { logLinesMax, readLogs, toJobLogView } from "../jobs/logs.ts"
import { showAgentLogs, showAgentMetadata } from "./feed-agents.ts"
import { closes } from "./feed-frames.ts"
import { watchedInboxes, watchedWorkspaces, type InboxRow } from "./feed-statements.ts"
import { allowRenames, toWorkspaceView, type WorkspaceRow } from "./view.ts"
import type { Watcher } from "./watchers.ts"

/** Shows each watcher what is new to them. One round trip a kind, however many watch. */
export async function showTopics(
  env: Env,
  watchers: ReadonlyMap<TopicKind, readonly Watcher[]>,
  now: Date,
): Promise<void> {
  const db = openDatabase(env)
  await Promise.all([
    showWorkspaces(env, db, watchers.get("workspace") ?? [], now),
    showInboxes(db, watchers.get("inbox") ?? [], now),
    showJobLogs(db, watchers.get("job-log") ?? []),
    showAgentMetadata(db, watchers.get("agent-metadata") ?? [], now),
    showAgentLogs(db, watchers.get("agent-log") ?? []),
  ])
}

export function openDatabase(env: Env): Database {
  const database = parseDatabaseUrl(env.DATABASE_URL)
  if (!database.ok) throw new DatabaseUnavailable("connect", undefined)
  return connect(database.url)
}

/** The workspace whole: at once, and whenever it has become another than the watcher saw. */
async function showWorkspaces(
  env: Env,
  db: Database,
  watchers: readonly Watcher[],
  now: Date,
): Promise<void> {
  if (watchers.length === 0) return
  const ids = [...new Set(watchers.map((watcher) => watcher.state().id))]
  const rows = await db.all(watchedWorkspaces(ids, now))
  const byId = new Map(rows.map((row) => [row.id, row]))
  for (const watcher of watchers) {
    const row = byId.get(watcher.state().id)
    if (row !== undefined) showWorkspace(env, row, watcher, now)
  }
}

function showWorkspace(env: Env, row: WorkspaceRow, watcher: Watcher, now: Date): void {
  const state = watcher.state()
  const data = toWorkspaceView(row, { userId: state.userId, allowRenames: allowRenames(env) }, now)
  const text = JSON.stringify(data)
  const cursor = `${text.length}:${stableHash(text)}`
  if (cursor === state.cursor) return
  if (state.cursor === null) watcher.send({ type: "ping" })
  watcher.send({ type: "data", data })
  watcher.remember({ ...state, cursor })
}

/** Every notification that came since the watcher did, once each, with how many are unread. */
async function showInboxes(db: Database, watchers: readonly Watcher[], now: Date): Promise<void> {
  if (watchers.length === 0) return
  for (const watcher of watchers) {
    const state = watcher.state()
    // What was there before is what the list is for.
    if (state.cursor === null) watcher.remember({ ...state, cursor: inboxCursor(now, []) })
  }
  const since = new Date(Math.min(...watchers.map((watcher) => readInboxCursor(watcher.state().cursor).at)))
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
  const seen = readInboxCursor(state.cursor)
  const fresh = row.notifications.filter((notification) => {
    const at = parseInstant(notification.created_at).getTime()
    return at > seen.at || (at === seen.at && !seen.ids.includes(notification.id))
  })
  for (const { created_at, read_at, ...notification } of fresh) {
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
        created_at: wireTime(parseInstant(created_at)),
        read_at: wireTimeOrNull(read_at === null ? null : parseInstant(read_at)),
      },
      unread_count: row.unread_count,
    })
  }
  const last = fresh.at(-1)
  if (last === undefined) return
  const at = parseInstant(last.created_at)
  const ids = row.notifications
    .filter((notification) => parseInstant(notification.created_at).getTime() === at.getTime())
    .map((notification) => notification.id)
  watcher.remember({ ...state, cursor: inboxCursor(at, ids) })
}

// An instant, and which of the notifications of that very instant have been shown.
function inboxCursor(at: Date, ids: string[]): string {
  return JSON.stringify({ at: at.getTime(), ids })
}

function readInboxCursor(cursor: string | null): { at: number; ids: string[] } {
  return JSON.parse(cursor ?? '{"at":0,"ids":[]}') as { at: number; ids: string[] }
}

/** Every line after the last that the watcher has seen, a frame each; when the job has ended and all is said, the end. */
async function showJobLogs(db: Database, watchers: readonly Watcher[]): Promise<void> {
  const byJob = [...Map.groupBy(watchers, (watcher) => watcher.state().id)]
  if (byJob.length === 0) return
  const answers = await db.batch(
    byJob.map(([jobId, theirs]) => readLogs(jobId, Math.min(...theirs.map(lastLineOf)))),
  )
  const cutOff: Watcher[] = []
  byJob.forEach(([, theirs], index) => {
    // A job that is gone has nothing more to say.
    const { logs, completed } = answers[index]?.[0] ?? { logs: [], completed: true }
    const isCutOff = logs.length >= logLinesMax
    if (isCutOff) cutOff.push(...theirs)
    for (const watcher of theirs) {
      const after = lastLineOf(watcher)
      for (const log of logs) if (log.id > after) watcher.sendBare(toJobLogView(log))
      const last = logs.at(-1)
      if (completed && !isCutOff) watcher.end(closes.done)
      else if (last !== undefined && last.id > after) {
        watcher.remember({ ...watcher.state(), cursor: String(last.id) })
      }
    }
  })
  // A log is bounded, and with it how often there can be more than one reading holds.
  await showJobLogs(db, cutOff)
}

function lastLineOf(watcher: Watcher): number {
  return Number(watcher.state().cursor ?? 0)
}
