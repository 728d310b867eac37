// Telling daemons that there is work: a hint after the commit. Losing one costs at most the 30 s until a board asks by itself.
import type { Database } from "../../platform/db/client.ts"
import { messageOf, writeEvent } from "../../platform/event.ts"
import { boardName, sortedTags } from "./domain.ts"
import { type JobKind, liveDomains } from "./live-domains-statement.ts"
import { spreadWakes } from "./spread-wakes.ts"

/** One job, or `count` of a kind. */
export type PostedJob = JobKind & { count?: number }

/** Kinds of job that one post tells of, the most wanted first; the rest is found by the boards themselves. */
const kindsMax = 256

/**
 * Wakes daemons for these jobs, as many as there are jobs, if it can. One question to the database for all of them; then each kind
 * goes to the board of one domain that may run it, and on to the next where too few have a place. Never throws.
 */
export async function postJobs(
  env: Env,
  { db, now }: { db: Database; now: Date },
  jobs: readonly PostedJob[],
): Promise<void> {
  if (jobs.length === 0) return
  const posted = byKind(jobs)
  const kinds = posted.slice(0, kindsMax)
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
        return await env.JOB_BOARD.getByName(board).post(count)
      } catch (error) {
        note(error)
        return 0
      }
    })
  } catch (error) {
    note(error)
  }
  if (errors.length > 0 || posted.length > kindsMax) {
    const untold = posted.length - kinds.length
    writeEvent({
      event: "post_failed",
      outcome: "error",
      kinds: posted.length,
      untold,
      errors: errors.slice(0, 10),
    })
  }
}

type Kind = Required<PostedJob>

/** One of each kind with how many there are; those with the most jobs first. */
function byKind(jobs: readonly PostedJob[]): Kind[] {
  const kinds = new Map<string, Kind>()
  for (const { organization_id, provisioner, tags, count = 1 } of jobs) {
    const key = JSON.stringify([organization_id, provisioner, sortedTags(tags)])
    const kind = kinds.get(key)
    if (kind === undefined) kinds.set(key, { organization_id, provisioner, tags, count })
    else kind.count += count
  }
  return [...kinds.values()].toSorted((a, b) => b.count - a.count)
}
