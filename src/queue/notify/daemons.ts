// Notifies daemons that jobs are waiting: a hint after the commit.
//
// A lost hint costs at most the 30 s until a board looks for waiting jobs by itself.
import type { Database } from "../../platform/db/client.ts"
import { messageOf, writeEvent } from "../../platform/event.ts"
import type { Sweep } from "../../sweeps.ts"
import { boardName, sortedTags } from "./domain.ts"
import { type JobKind, liveDomains } from "./live-domains.ts"
import { spreadWakes } from "./spread-wakes.ts"

/** One waiting job, or `count` jobs of a kind. */
export type WaitingJob = JobKind & { count?: number }

/** Kinds of job per notification, those with the most jobs first; the boards find the rest. */
const kindsMax = 256

/**
 * Wakes as many daemons as there are jobs, if enough are idle. One query finds the domains of all
 * kinds of job. Each kind is offered to the board of one domain, then to the next if that board
 * has too few daemons with a free slot. Never throws.
 */
export async function notifyDaemons(
  env: Env,
  { db, now }: { db: Database; now: Date },
  jobs: readonly WaitingJob[],
): Promise<void> {
  if (jobs.length === 0) return
  const waiting = byKind(jobs)
  const kinds = waiting.slice(0, kindsMax)
  const errors: string[] = []
  const note = (error: unknown) => errors.push(messageOf(error))
  try {
    const offers = kinds.map(({ count }) => ({ count, boards: [] as string[] }))
    for (const { position, provisioners, tags } of await db.all(liveDomains(kinds, now))) {
      const organization_id = kinds[position]?.organization_id ?? ""
      offers[position]?.boards.push(await boardName({ organization_id, provisioners, tags }))
    }
    await spreadWakes(offers, async (board, count) => {
      try {
        return await env.JOB_BOARD.getByName(board).notify(count)
      } catch (error) {
        note(error)
        return 0
      }
    })
  } catch (error) {
    note(error)
  }
  if (errors.length > 0 || waiting.length > kindsMax) {
    writeEvent({
      event: "notify_daemons_failed",
      outcome: "error",
      kinds: waiting.length,
      skippedKinds: waiting.length - kinds.length,
      errors: errors.slice(0, 10),
    })
  }
}

/** Notifies daemons of the jobs that earlier sweeps made: one hint per tick and set of tags. */
export const notifySweep: Sweep = {
  name: "notify",
  run: (context) => {
    const { env, made, waitUntil } = context
    const jobs = made.splice(0)
    if (jobs.length > 0) waitUntil(notifyDaemons(env, context, jobs))
    return Promise.resolve({ jobs: jobs.reduce((sum, { count = 1 }) => sum + count, 0) })
  },
}

type CountedKind = Required<WaitingJob>

/** Counts the jobs of each kind; kinds with the most jobs come first. */
function byKind(jobs: readonly WaitingJob[]): CountedKind[] {
  const kinds = new Map<string, CountedKind>()
  for (const { organization_id, provisioner, tags, count = 1 } of jobs) {
    const key = JSON.stringify([organization_id, provisioner, sortedTags(tags)])
    const kind = kinds.get(key)
    if (kind === undefined) kinds.set(key, { organization_id, provisioner, tags, count })
    else kind.count += count
  }
  return [...kinds.values()].toSorted((a, b) => b.count - a.count)
}
