// Who may still watch: the session holds, its user is active, the workspace may be read. Asked for all watchers of a shard together.
import type { Database } from "../platform/db/client.ts"
import { stillVisible, watchAs } from "./statements.ts"
import type { Watcher } from "./watchers.ts"

/** Sessions that one round trip looks at. */
const sessionsPerBatchMax = 50

/** The watchers who may no longer see what they watch. */
export async function findUnentitled(
  db: Database,
  watchers: readonly Watcher[],
  now: Date,
): Promise<Watcher[]> {
  const sessions = [...Map.groupBy(watchers, (watcher) => watcher.state().keyId)]
  const unentitled: Watcher[] = []
  for (let start = 0; start < sessions.length; start += sessionsPerBatchMax) {
    const batch = sessions.slice(start, start + sessionsPerBatchMax)
    // Statements of one transaction: each session's second statement runs as the actor that its first one published.
    const answers = await db.batch(
      batch.flatMap(([keyId, theirs]) => {
        const ids = theirs.map((watcher) => watcher.state().workspaceId).filter((id) => id !== null)
        return [watchAs(keyId, now), stillVisible(ids)]
      }),
    )
    batch.forEach(([, theirs], index) => {
      const holds = (answers[index * 2] as { holds: boolean }[])[0]?.holds === true
      const visible = new Set((answers[index * 2 + 1] as { id: string }[]).map(({ id }) => id))
      for (const watcher of theirs) {
        const { workspaceId } = watcher.state()
        if (!holds || (workspaceId !== null && !visible.has(workspaceId))) unentitled.push(watcher)
      }
    })
  }
  return unentitled
}
