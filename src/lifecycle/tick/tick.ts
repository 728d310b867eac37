// The tick: everything that is due at a minute, in bounded batches.
//
// It does not depend on what earlier ticks did or missed.
import { carryParameters } from "../../builds/create/carry-parameters.ts"
import type { Database } from "../../platform/db/client.ts"
import { StatementFailed } from "../../platform/db/errors.ts"
import { writeIsolated } from "../../platform/db/isolate.ts"
import { writeEvent } from "../../platform/event.ts"
import { publishWorkspaces } from "../../platform/durable/publish.ts"
import type { Sweep, SweepContext } from "../../sweeps.ts"
import { anyDue, batchSizeMax, batchSizeMin, setAside } from "../rules/due.ts"
import { recordTick } from "./ledger-statement.ts"
import { nextStartOf } from "../deadlines/next-start.ts"
import { type NextStart, writeNextStarts } from "../deadlines/next-start-statement.ts"
import { type OpenNextStart, prepareBatch } from "./prepare-statement.ts"
import { type BatchResult, type Carry, runBatch } from "./transition-statement.ts"
import { flushUsage, type Unflushed } from "../../usage/tracker/flush-shards.ts"

/** Rounds of one tick. What is left after them is reported and waits for the next tick. */
const roundsMax = 60
/**
 * Batches of a round that run side by side.
 *
 * Each takes other rows (`skip locked`), and two cores of the database do nearly twice the work of
 * one. One statement prepares what all of them need.
 */
const lanesMax = 2

export const lifecycleSweep: Sweep = { name: "lifecycle", run: runLifecycle }

/** What a tick did: counts by rule, by block, and of bounds that moved without an action. */
export type TickCounts = Record<string, number>

/**
 * Runs the rules at `now`.
 *
 * Each batch is complete in itself. A tick that dies anywhere leaves the rest due, and ten ticks at
 * once share the batches.
 */
async function runLifecycle(context: SweepContext): Promise<TickCounts> {
  const { db, env, now } = context
  const began = performance.now()
  const counts: TickCounts = {}
  const add = (name: string, n: number) => (counts[name] = (counts[name] ?? 0) + n)
  let more = false
  let unflushed: Unflushed | null = null
  let failure: Error | null = null
  try {
    const [probe] = await db.all(anyDue(now))
    if (probe?.any_due === true) {
      // Once per tick, and only if a workspace may be stopped: use of the last minute counts.
      unflushed = await flushUsage(env)
      more = await runRounds(
        context,
        unflushed,
        (batch) => {
          report(batch, add)
          context.made.push(...batch.jobs)
          context.waitUntil(publishWorkspaces(env, batch.changed))
        },
        add,
      )
    }
  } catch (error) {
    failure =
      error instanceof Error ? error : new Error("the tick failed with no error", { cause: error })
  }
  const lagMs = context.startedAt.getTime() - now.getTime()
  const finishedAt = new Date(context.startedAt.getTime() + Math.round(performance.now() - began))
  const error = failure?.message ?? null
  const { startedAt, source } = context
  const unflushedShards = unflushed?.shards ?? null
  await db.all(
    recordTick({
      tickAt: now,
      startedAt,
      finishedAt,
      source,
      lagMs,
      counts,
      more,
      unflushedShards,
      error,
    }),
  )
  writeEvent({
    event: "lifecycle",
    tickAt: now.toISOString(),
    source,
    lagMs,
    ...counts,
    more,
    ...(unflushedShards !== null && unflushedShards.length > 0 && { unflushedShards }),
  })
  if (failure !== null) throw failure
  return { ...counts, more: more ? 1 : 0 }
}

async function fails(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return false
  } catch (error) {
    if (error instanceof StatementFailed) return true
    throw error
  }
}

type Add = (name: string, n: number) => void

/** Returns true if more is due than the bound on rounds allowed. */
async function runRounds(
  context: SweepContext,
  unflushed: Unflushed,
  onBatch: (batch: BatchResult) => void,
  add: Add,
): Promise<boolean> {
  const { db, now } = context
  let size = batchSizeMax
  for (let round = 0; round < roundsMax; round++) {
    // After a failure one batch runs at a time, so that the failing workspaces can be found.
    const lanes = size === batchSizeMax ? lanesMax : 1
    const [preparation] = await db.all(prepareBatch(now, size * lanes))
    if (preparation === undefined || preparation.due_count === 0) return false
    const asked = preparation.next_starts
    await writeOpenNextStarts(db, now, asked)
    const carries = await carryAll(db, preparation.carries)
    const laneCount = Math.min(lanes, Math.ceil(preparation.due_count / size))
    const run = async (count: number) => {
      const [batch] = await db.all(runBatch({ now, size: count, asked, carries, unflushed }))
      if (batch === undefined) return 0
      onBatch(batch)
      return batch.taken
    }
    const ends = await Promise.allSettled(Array.from({ length: laneCount }, () => run(size)))
    const failure = ends.find((end) => end.status === "rejected")?.reason as unknown
    if (failure === undefined) {
      if (ends.every((end) => end.status === "fulfilled" && end.value === 0)) return false
      size = Math.min(batchSizeMax, size * 2)
    } else {
      if (!(failure instanceof StatementFailed)) throw failure
      if (size === batchSizeMin) {
        // The batch was one dirty and one timed workspace. The timed one runs alone at size 1.
        const isTimed = await fails(run(1))
        add("set_aside", await putAside(db, now, isTimed ? "timed" : "dirty", failure))
      }
      size = Math.max(batchSizeMin, Math.floor(size / 4))
    }
  }
  return true
}

/**
 * Sets aside a workspace that cannot be written, so that it does not stop the others.
 *
 * It is logged and tried again after a quarter of an hour.
 */
async function putAside(
  db: Database,
  now: Date,
  kind: "dirty" | "timed",
  error: StatementFailed,
): Promise<number> {
  const rows = await db.all(setAside(now, kind))
  const workspaceIds = rows.map(({ id }) => id)
  writeRefusal(error, workspaceIds)
  return rows.length
}

function writeRefusal({ message, code, constraint }: StatementFailed, workspaceIds: string[]) {
  const event = "lifecycle_set_aside"
  writeEvent({ event, outcome: "error", error: message, code, constraint, workspaceIds })
}

function report(batch: BatchResult, add: (name: string, n: number) => void): void {
  for (const [rule, n] of Object.entries(batch.done)) add(rule, n)
  for (const [block, n] of Object.entries(batch.waiting)) add(`waiting_${block}`, n)
  add("moved", batch.moved)
}

async function writeOpenNextStarts(
  db: Database,
  now: Date,
  asked: readonly OpenNextStart[],
): Promise<void> {
  if (asked.length === 0) return
  const starts = asked.map((open): NextStart => ({ open, nextStartAt: nextStartOf(open, now) }))
  for (const { item, error } of await writeIsolated(starts, (part) =>
    db.all(writeNextStarts(part)),
  ))
    writeRefusal(error, [item.open.workspace_id])
}

async function carryAll(
  db: Database,
  open: readonly {
    workspace_id: string
    build_id: string
    template_version_id: string
    previous: { name: string; value: string }[]
  }[],
): Promise<Carry[]> {
  const resolved = await carryParameters(db, open)
  return open.map(({ workspace_id, build_id, template_version_id }, index) => {
    const carried = resolved[index]
    return {
      workspace_id,
      build_id,
      template_version_id,
      parameters: carried !== undefined && carried.ok ? carried.values : null,
    }
  })
}
