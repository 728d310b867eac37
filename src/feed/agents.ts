// What watchers see of agents: all metadata after each change, and log lines after the cursor.
import { readStanding } from "../agents/hub/statements.ts"
import { logRowsMax, readLogs, type LogRow } from "../agents/reports/log-statements.ts"
import { readMetadataOf } from "../agents/reports/statements.ts"
import { isFresh, lastLineOf, toLogView, toMetadataView } from "../agents/reports/view.ts"
import type { Database } from "../platform/db/client.ts"
import { stableHash } from "../platform/hash.ts"
import { closes } from "./frames.ts"
import type { Watcher } from "./watchers.ts"

/**
 * Sends all items of an agent after one of them has changed; a greater age is not a change. Event
 * streams receive them at every reading, because their readers expect them every few seconds.
 */
export async function showAgentMetadata(
  db: Database,
  watchers: readonly Watcher[],
  now: Date,
): Promise<void> {
  if (watchers.length === 0) return
  const ids = [...new Set(watchers.map((watcher) => watcher.state().id))]
  const byAgent = Map.groupBy(await db.all(readMetadataOf(ids)), (row) => row.agent_id)
  for (const watcher of watchers) {
    const state = watcher.state()
    const rows = byAgent.get(state.id) ?? []
    const cursor = String(stableHash(JSON.stringify(rows.map((row) => toMetadataView(row, null)))))
    if (cursor === state.cursor && !watcher.isStream) continue
    watcher.send({ type: "data", data: rows.map((row) => toMetadataView(row, now)) })
    watcher.remember({ ...state, cursor })
  }
}

/** Sends the containers once. Agents here run none, so nothing ever changes. */
export function showAgentContainers(watchers: readonly Watcher[]): void {
  for (const watcher of watchers) {
    const state = watcher.state()
    if (state.cursor !== null) continue
    watcher.sendBare({ containers: [], devcontainers: [] })
    watcher.remember({ ...state, cursor: "shown" })
  }
}

/** Sends each follower the lines after its cursor. Ends it if a newer build replaced the agent. */
export async function showAgentLogs(db: Database, watchers: readonly Watcher[]): Promise<void> {
  const byAgent = [...Map.groupBy(watchers, (watcher) => watcher.state().id)]
  if (byAgent.length === 0) return
  // The standing is read first: an agent that may no longer connect then has no later lines.
  const [standing, ...answers] = await db.batch([
    readStanding(byAgent.map(([agentId]) => agentId)),
    ...byAgent.map(([agentId, followers]) =>
      readLogs(agentId, {
        after: Math.min(...followers.map((watcher) => lastLineOf(watcher.state().cursor))),
        limit: logRowsMax,
      }),
    ),
  ])
  const connectable = new Set(standing.filter((row) => row.may_connect).map((row) => row.id))
  const unfinished: Watcher[] = []
  byAgent.forEach(([agentId, followers], index) => {
    const rows = answers[index] ?? []
    const isPartial = rows.length >= logRowsMax
    if (isPartial) unfinished.push(...followers)
    const isLast = !isPartial && !connectable.has(agentId)
    for (const watcher of followers) showLines(watcher, rows, isLast)
  })
  // An agent's log is bounded, and so is the number of readings.
  await showAgentLogs(db, unfinished)
}

function showLines(watcher: Watcher, rows: readonly LogRow[], isLast: boolean): void {
  const state = watcher.state()
  const after = lastLineOf(state.cursor)
  const lines = rows.filter((row) => row.id > after)
  if (lines.length > 0 || isFresh(state.cursor)) watcher.sendBare(lines.map(toLogView))
  if (isLast) watcher.end(closes.done)
  else watcher.remember({ ...state, cursor: String(lines.at(-1)?.id ?? after) })
}
