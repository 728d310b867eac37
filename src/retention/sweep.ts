// The retention as a sweep of the cron: a few bounded rounds a minute, so that little is due at
// once.
import type { Sweep } from "../sweeps.ts"
import { removeOrphanFiles, removeStrayContents } from "./orphan-files.ts"
import { hourlyPurges, minutePurges } from "./purge-statements.ts"

/** The most rounds of one run: each removes up to the bound of one statement, of each kind. */
const roundCountMax = 20

/** The minute of the hour of the hourly purges. */
const hourlyMinute = 17

export const retentionSweep: Sweep = {
  name: "retention",
  run: async ({ db, env, now }) => {
    const isHourly = now.getUTCMinutes() === hourlyMinute
    const counts: Record<string, number> = {}
    const add = (kind: string, count: number) => {
      if (count > 0) counts[kind] = (counts[kind] ?? 0) + count
    }
    let open = [...minutePurges(now), ...(isHourly ? hourlyPurges(now) : [])]
    for (let round = 0; round < roundCountMax && open.length > 0; round++) {
      const results = await db.batch(open.map(({ statement }) => statement))
      open = open.filter(({ kind, countMax }, index) => {
        const count = results[index]?.[0]?.count ?? 0
        add(kind, count)
        return count === countMax
      })
    }
    if (isHourly) {
      const { files, contents } = await removeOrphanFiles(db, env.FILES, now)
      add("files", files)
      add("contents", contents + (await removeStrayContents(db, env.FILES, now)))
    }
    return counts
  },
}
