// What a shard learns of pings before they come: one read of the verdicts that are likely to be asked for, in the place of one read each.
// They live in memory: one that is used is stored by the tracker, the others are forgotten with their minute or with the object.
import { writeEvent } from "../../platform/event.ts"
import type { VerdictKey } from "./mark.ts"
import type { TrackerStorage } from "./storage.ts"
import type { VerdictRow } from "./rows.ts"
import type { FoundVerdict } from "./verdict-statement.ts"
import { verdictMsMax } from "./verdict-times.ts"

/** However many callers nobody knows: what they send must not make a shard read more often. */
const gapMsMin = 60_000
const gapMsMax = 3_600_000
/** A look-ahead that answered fewer first pings was not worth its read: the next is twice as far away. */
const servedMin = 10
/** A ping waits no longer for one, whatever the database does; it then authenticates by itself. */
const waitMsMax = 2_000
/** Verdicts held in memory; one look-ahead reads no more. */
export const aheadRowsMax = 10_000

type Read = (countMax: number, now: Date) => Promise<FoundVerdict[]>

export class LookAhead {
  readonly #storage: TrackerStorage
  readonly #read: Read
  #rows = new Map<string, VerdictRow>()
  #underWay: Promise<void> | null = null
  #served = 0

  /** `storage` keeps when the last one was, which an eviction must not forget. */
  constructor(storage: TrackerStorage, read: Read) {
    this.#storage = storage
    this.#read = read
  }

  find(key: VerdictKey, atMs: number): VerdictRow | null {
    const row = this.#rows.get(nameOf(key.keyId, key.workspaceId))
    const isGood = row?.key_hash === key.keyHash && atMs - row.checked_at_ms <= verdictMsMax
    return isGood ? row : null
  }

  /** Takes out a verdict that is used for the first time and is to be stored. False where it is none of these. */
  take(row: VerdictRow): boolean {
    const name = nameOf(row.key_id, row.workspace_id)
    if (this.#rows.get(name) !== row) return false
    this.#rows.delete(name)
    this.#served += 1
    return true
  }

  forget(nowMs: number): void {
    for (const [name, row] of this.#rows) {
      if (nowMs - row.checked_at_ms > verdictMsMax) this.#rows.delete(name)
    }
  }

  /** Looks ahead if that is due, and waits for one that is under way. False where there is nothing new to be found. Never throws. */
  async run(now: Date): Promise<boolean> {
    if (this.#underWay === null && !this.#isDue(now.getTime())) return false
    this.#underWay ??= this.#fill(now).finally(() => {
      this.#underWay = null
    })
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, waitMsMax)
    })
    await Promise.race([this.#underWay, late])
    clearTimeout(timer)
    return true
  }

  #isDue(nowMs: number): boolean {
    const sinceMs = nowMs - this.#storage.counter("looked_ahead_at_ms")
    const gapMs = this.#served >= servedMin ? gapMsMin : this.#storage.counter("look_ahead_gap_ms")
    return sinceMs < 0 || sinceMs >= gapMs
  }

  async #fill(now: Date): Promise<void> {
    const lastGapMs = this.#storage.counter("look_ahead_gap_ms")
    const gapMs = this.#served >= servedMin ? gapMsMin : Math.min(lastGapMs * 2, gapMsMax)
    this.#storage.setCounter("look_ahead_gap_ms", Math.max(gapMs, gapMsMin))
    this.#storage.setCounter("looked_ahead_at_ms", now.getTime())
    this.#served = 0
    const startedAt = performance.now()
    const report = { found: 0, ok: true }
    try {
      const found = await this.#read(aheadRowsMax, now)
      this.#rows = new Map(
        found.map((one) => [nameOf(one.key_id, one.workspace_id), toRow(one, now)]),
      )
      report.found = found.length
    } catch {
      // Nothing is known then that was not before. One that failed tells nothing of its worth.
      report.ok = false
      this.#storage.setCounter("look_ahead_gap_ms", gapMsMin)
    }
    writeEvent({
      event: report.ok ? "usage_look_ahead" : "usage_look_ahead_failed",
      ...report,
      ms: performance.now() - startedAt,
    })
  }
}

const nameOf = (keyId: string, workspaceId: string) => `${keyId} ${workspaceId}`

function toRow({ key_id, key_hash, workspace_id, facts }: FoundVerdict, now: Date): VerdictRow {
  const atMs = now.getTime()
  return {
    key_id,
    key_hash,
    workspace_id,
    checked_at_ms: atMs,
    used_at_ms: atMs,
    ip: "",
    facts: JSON.stringify(facts),
  }
}
