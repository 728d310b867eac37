/** The retention as a sweep of the cron: a few bounded rounds a minute, so that it never has much to do at once. */
import { writeEvent } from "../http/event.ts"
import type { Sweep } from "../sweeps.ts"
import { deleteOrphanFiles, findUnnamed, PURGE_COUNT_MAX, purgeStatements } from "./purge-statements.ts"

/** Rounds of one run: at most so many times the rows of one statement, of each kind. */
const ROUND_COUNT_MAX = 5

/** Minutes between two looks at orphan files, which are rare. */
const FILES_EVERY_MINUTES = 60

export const retentionSweep: Sweep = {
  name: "retention",
  run: async ({ db, env, now }) => {
    const counts: Record<string, number> = {}
    let open = purgeStatements(now)
    for (let round = 0; round < ROUND_COUNT_MAX && open.length > 0; round++) {
      const results = await db.batch(open.map(([, statement]) => statement))
      const full = new Set<string>()
      for (const [index, [kind]] of open.entries()) {
        const count = results[index]?.[0]?.count ?? 0
        if (count > 0) counts[kind] = (counts[kind] ?? 0) + count
        if (count === PURGE_COUNT_MAX) full.add(kind)
      }
      open = open.filter(([kind]) => full.has(kind))
    }
    if (now.getUTCMinutes() % FILES_EVERY_MINUTES === 17) {
      const deleted = await db.all(deleteOrphanFiles(now))
      if (deleted.length > 0) {
        counts["files"] = deleted.length
        // The same content may have been uploaded by somebody else, or again meanwhile: asked at the last moment.
        const unnamed = await db.all(findUnnamed(deleted.map(({ hash }) => hash)))
        await env.FILES.delete(unnamed.map(({ hash }) => hash))
        writeEvent({ event: "files_deleted", count: deleted.length, contents: unnamed.length })
      }
    }
    return counts
  },
}
