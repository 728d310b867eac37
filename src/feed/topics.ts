// What each kind of topic shows: frames from what was read and what the watcher has seen.
import { openDatabase, type Database } from "../platform/db/client.ts"
import { stableHash } from "../platform/hash.ts"
import type { TopicKind } from "../platform/durable/publish.ts"
import { logLinesMax, readLogs, toJobLogView } from "../queue/logs/read.ts"
import { showAgentContainers, showAgentLogs, showAgentMetadata } from "./agents.ts"
import { closes } from "./frames.ts"
import { showInboxes } from "./inbox.ts"
import { watchedWorkspaces } from "./statements.ts"
import { allowRenames, toWorkspaceView, type WorkspaceRow } from "../workspaces/view.ts"
import type { Watcher } from "./watchers.ts"

/** Sends each watcher what is new to it. Costs one round trip per kind of topic. */
export async function showTopics(
  env: Env,
  watchers: ReadonlyMap<TopicKind, readonly Watcher[]>,
  now: Date,
): Promise<void> {
  const db = openDatabase(env)
  showAgentContainers(watchers.get("agent-containers") ?? [])
  await Promise.all([
    showWorkspaces(env, db, watchers.get("workspace") ?? [], now),
    showInboxes(db, watchers.get("inbox") ?? []),
    showJobLogs(db, watchers.get("job-log") ?? []),
    showAgentMetadata(db, watchers.get("agent-metadata") ?? [], now),
    showAgentLogs(db, watchers.get("agent-log") ?? []),
  ])
}

/** Sends the whole workspace, at once and whenever it differs from what the watcher has seen. */
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

/** Sends one frame for each line after the cursor. Ends the watcher after the job's last line. */
async function showJobLogs(db: Database, watchers: readonly Watcher[]): Promise<void> {
  const byJob = [...Map.groupBy(watchers, (watcher) => watcher.state().id)]
  if (byJob.length === 0) return
  const answers = await db.batch(
    byJob.map(([jobId, watching]) => readLogs(jobId, Math.min(...watching.map(lastLineOf)))),
  )
  const unfinished: Watcher[] = []
  byJob.forEach(([, watching], index) => {
    // A job that is gone has no further lines.
    const { logs, completed } = answers[index]?.[0] ?? { logs: [], completed: true }
    const isPartial = logs.length >= logLinesMax
    if (isPartial) unfinished.push(...watching)
    for (const watcher of watching) {
      const after = lastLineOf(watcher)
      for (const log of logs) if (log.id > after) watcher.sendBare(toJobLogView(log))
      const last = logs.at(-1)
      if (completed && !isPartial) watcher.end(closes.done)
      else if (last !== undefined && last.id > after) {
        watcher.remember({ ...watcher.state(), cursor: String(last.id) })
      }
    }
  })
  // A job's log is bounded, and so is the number of readings.
  await showJobLogs(db, unfinished)
}

function lastLineOf(watcher: Watcher): number {
  return Number(watcher.state().cursor ?? 0)
}
