// Permits that a shard reads before their pings arrive: one read instead of one per ping.
//
// They are kept in memory. The tracker stores one that is used. The others are dropped after a
// minute, or when the object is evicted.
import { writeEvent } from "../../platform/event.ts"
import type { PermitKey } from "./mark.ts"
import type { Counters } from "./storage/counters.ts"
import type { PermitRow } from "./rows.ts"
import type { FoundPermit } from "./permit-statement.ts"
import { permitMsMax } from "./permit-times.ts"

/** The least time between two reads, so that unknown callers cannot make a shard read often. */
const gapMsMin = 60_000
const gapMsMax = 3_600_000
/** A read that answered fewer first pings than this doubles the time to the next. */
const servedMin = 10
/** A ping waits at most this long for a read, and then authenticates by itself. */
const waitMsMax = 2_000
/** The most permits in memory, and in one read. */
export const aheadRowsMax = 10_000

type Read = (countMax: number, now: Date) => Promise<FoundPermit[]>

export class LookAhead {
  readonly #counters: Counters
  readonly #read: Read
  #rows = new Map<string, PermitRow>()
  #inFlight: Promise<void> | null = null
  #served = 0

  /** `counters` keep the instant of the last read, which must survive an eviction. */
  constructor(counters: Counters, read: Read) {
    this.#counters = counters
    this.#read = read
  }

  find(key: PermitKey, atMs: number): PermitRow | null {
    const row = this.#rows.get(nameOf(key.keyId, key.workspaceId))
    const isGood = row?.key_hash === key.keyHash && atMs - row.checked_at_ms <= permitMsMax
    return isGood ? row : null
  }

  /** Removes a permit that is used for the first time. Returns false if it is not one of these. */
  take(row: PermitRow): boolean {
    const name = nameOf(row.key_id, row.workspace_id)
    if (this.#rows.get(name) !== row) return false
    this.#rows.delete(name)
    this.#served += 1
    return true
  }

  forget(nowMs: number): void {
    for (const [name, row] of this.#rows) {
      if (nowMs - row.checked_at_ms > permitMsMax) this.#rows.delete(name)
    }
  }

  /**
   * Reads if that is due, and waits for a read in flight. Returns false if neither. Never throws.
   */
  async run(now: Date): Promise<boolean> {
    if (this.#inFlight === null && !this.#isDue(now.getTime())) return false
    this.#inFlight ??= this.#fill(now).finally(() => {
      this.#inFlight = null
    })
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, waitMsMax)
    })
    await Promise.race([this.#inFlight, late])
    clearTimeout(timer)
    return true
  }

  #isDue(nowMs: number): boolean {
    const sinceMs = nowMs - this.#counters.get("looked_ahead_at_ms")
    const gapMs = this.#served >= servedMin ? gapMsMin : this.#counters.get("look_ahead_gap_ms")
    return sinceMs < 0 || sinceMs >= gapMs
  }

  async #fill(now: Date): Promise<void> {
    const lastGapMs = this.#counters.get("look_ahead_gap_ms")
    const gapMs = this.#served >= servedMin ? gapMsMin : Math.min(lastGapMs * 2, gapMsMax)
    this.#counters.set("look_ahead_gap_ms", Math.max(gapMs, gapMsMin))
    this.#counters.set("looked_ahead_at_ms", now.getTime())
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
      // The old permits stay. A failed read does not count as one that answered few pings.
      report.ok = false
      this.#counters.set("look_ahead_gap_ms", gapMsMin)
    }
    writeEvent({
      event: report.ok ? "usage_look_ahead" : "usage_look_ahead_failed",
      ...report,
      ms: performance.now() - startedAt,
    })
  }
}

const nameOf = (keyId: string, workspaceId: string) => `${keyId} ${workspaceId}`

function toRow({ key_id, key_hash, workspace_id, facts }: FoundPermit, now: Date): PermitRow {
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
