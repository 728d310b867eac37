// The review of watchers' rights: the session holds, its user is active, the workspace is readable.
import type { Database } from "../platform/db/client.ts"
import { stillVisible, watchAs } from "./statements.ts"
import type { Watcher } from "./watchers.ts"

/** Sessions that one round trip reviews. */
const sessionsPerBatchMax = 50

/** Returns the watchers that may no longer see what they watch. */
export async function findUnentitled(
  db: Database,
  watchers: readonly Watcher[],
  now: Date,
): Promise<Watcher[]> {
  const sessions = [...Map.groupBy(watchers, (watcher) => watcher.state().keyId)]
  const unentitled: Watcher[] = []
  for (let start = 0; start < sessions.length; start += sessionsPerBatchMax) {
    const batch = sessions.slice(start, start + sessionsPerBatchMax)
    unentitled.push(...(await reviewSessions(db, batch, now)))
  }
  return unentitled
}

/** One transaction: a session's second statement runs as the actor that its first one published. */
async function reviewSessions(
  db: Database,
  sessions: readonly (readonly [keyId: string, watchers: Watcher[]])[],
  now: Date,
): Promise<Watcher[]> {
  const answers = await db.batch(
    sessions.flatMap(([keyId, watchers]) => {
      const ids = watchers.map((watcher) => watcher.state().workspaceId)
      return [watchAs(keyId, now), stillVisible(ids.filter((id) => id !== null))]
    }),
  )
  return sessions.flatMap(([, watchers], index) => {
    const holds = (answers[index * 2] as { holds: boolean }[])[0]?.holds === true
    const rows = answers[index * 2 + 1] as { id: string }[]
    const visible = new Set<string | null>(rows.map(({ id }) => id)).add(null)
    return watchers.filter((watcher) => !holds || !visible.has(watcher.state().workspaceId))
  })
}
