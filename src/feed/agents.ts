// What agents tell, as its watchers see it (api.md 2.8): their metadata whole on each change, their logs from where each follower is.
import { logRowsMax, readLogs, readMetadataOf, readStanding } from "../agents/hub/statements.ts"
import { isFresh, lastLineOf } from "../agents/reports/log-cursor.ts"
import { toLogView, toMetadataView } from "../agents/reports/metadata-view.ts"
import type { Database } from "../platform/db/client.ts"
import { stableHash } from "../platform/hash.ts"
import { closes } from "./frames.ts"
import type { Watcher } from "./watchers.ts"

/**
 * All items of an agent, when one of them has become another: that they age is no change. An event stream has them at each
 * reading, since its readers expect them every few seconds.
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

/** The lines after the last that each follower has, as one array; the end when a newer build has replaced the agent. */
export async function showAgentLogs(db: Database, watchers: readonly Watcher[]): Promise<void> {
  const byAgent = [...Map.groupBy(watchers, (watcher) => watcher.state().id)]
  if (byAgent.length === 0) return
  // In this order: an agent that may no longer speak when it is asked has said all that the reading after it finds.
  const [standing, ...answers] = await db.batch([
    readStanding(byAgent.map(([agentId]) => agentId)),
    ...byAgent.map(([agentId, theirs]) =>
      readLogs(agentId, {
        after: Math.min(...theirs.map((watcher) => lastLineOf(watcher.state().cursor))),
        limit: logRowsMax,
      }),
    ),
  ])
  const speaking = new Set(standing.filter((row) => row.may_connect).map((row) => row.id))
  const cutOff: Watcher[] = []
  byAgent.forEach(([agentId, theirs], index) => {
    const rows = answers[index] ?? []
    const isCutOff = rows.length >= logRowsMax
    if (isCutOff) cutOff.push(...theirs)
    for (const watcher of theirs) {
      const state = watcher.state()
      const after = lastLineOf(state.cursor)
      const lines = rows.filter((row) => row.id > after)
      if (lines.length > 0 || isFresh(state.cursor)) watcher.sendBare(lines.map(toLogView))
      if (!isCutOff && !speaking.has(agentId)) watcher.end(closes.done)
      else watcher.remember({ ...state, cursor: String(lines.at(-1)?.id ?? after) })
    }
  })
  // An agent's log is bounded, and with it how often there can be more than one reading holds.
  await showAgentLogs(db, cutOff)
}
