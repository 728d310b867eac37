// What each kind of topic shows: how a watcher's frames follow from what was read and what they have seen.
import { openDatabase, type Database } from "../platform/db/client.ts"
import { stableHash } from "../platform/hash.ts"
import type { TopicKind } from "../platform/durable/publish.ts"
import { logLinesMax, readLogs, toJobLogView } from "../queue/logs.ts"
import { showAgentLogs, showAgentMetadata } from "./agents.ts"
import { closes } from "./frames.ts"
import { showInboxes } from "./inbox.ts"
import { watchedWorkspaces } from "./statements.ts"
import { allowRenames, toWorkspaceView, type WorkspaceRow } from "../workspaces/view.ts"
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
    showInboxes(db, watchers.get("inbox") ?? []),
    showJobLogs(db, watchers.get("job-log") ?? []),
    showAgentMetadata(db, watchers.get("agent-metadata") ?? [], now),
    showAgentLogs(db, watchers.get("agent-log") ?? []),
  ])
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
