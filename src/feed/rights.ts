// The review of watchers' rights: the session is valid and its user may still read the thing.
import type { Database } from "../platform/db/client.ts"
import { watchAs } from "../access/watch-as.ts"
import { stillReadableImports, stillVisible } from "./statements.ts"
import type { WatchState } from "../platform/durable/watch.ts"
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

/** One transaction: a session's later statements run as the actor that its first one published. */
async function reviewSessions(
  db: Database,
  sessions: readonly (readonly [keyId: string, watchers: Watcher[]])[],
  now: Date,
): Promise<Watcher[]> {
  const answers = await db.batch(
    sessions.flatMap(([keyId, watchers]) => {
      const needed = watchers.map((watcher) => neededOf(watcher.state()))
      const idsOf = (kind: Needed["kind"]) =>
        needed.flatMap((one) => (one?.kind === kind ? [one.id] : []))
      return [
        watchAs(keyId, now),
        stillVisible(idsOf("workspace")),
        stillReadableImports(idsOf("import")),
      ]
    }),
  )
  return sessions.flatMap(([, watchers], index) => {
    const [session, ...readable] = answers.slice(index * 3, index * 3 + 3)
    const holds = (session as { holds: boolean }[])[0]?.holds === true
    const ids = new Set((readable.flat() as { id: string }[]).map(({ id }) => id))
    return watchers.filter((watcher) => {
      const needed = neededOf(watcher.state())
      return !holds || (needed !== null && !ids.has(needed.id))
    })
  })
}

type Needed = { kind: "workspace" | "import"; id: string }

/** What the watcher must be able to read. Null for a person's own inbox. */
function neededOf({ kind, id, workspaceId }: WatchState): Needed | null {
  if (workspaceId !== null) return { kind: "workspace", id: workspaceId }
  return kind === "job-log" ? { kind: "import", id } : null
}
