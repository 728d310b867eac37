// The usage tracker: a shard that keeps marks of use, bumps and statistics in its own SQLite until one statement writes
// them. What was acknowledged survives eviction, deploys and a database that is gone.
import { DurableObject } from "cloudflare:workers"
import { platformClock, type Clock } from "../clock.ts"
import { connect, parseDatabaseUrl, type Database } from "../db/client.ts"
import { DatabaseUnavailable, StatementFailed } from "../db/errors.ts"
import { writeEvent } from "../http/event.ts"
import { publishWorkspaces } from "../http/publish.ts"
import { bumpingMark, pingStat } from "./activity.ts"
import { flushStatement, type FlushInput, type FlushResult } from "./flush-statement.ts"
import type { AgentStat, Mark, Ping, UsageFacts, Verdict } from "./mark.ts"
import { openTrackerStorage, type TrackerStorage, type VerdictRow } from "./tracker-storage.ts"

/** A little less than a minute, so that a ping each minute finds its verdict renewed since the last one. */
export const flushIntervalMs = 55_000
export const verdictMsMax = 60_000
/** A verdict that no ping used for so long is forgotten rather than renewed. */
const verdictIdleMsMax = 300_000
const verdictTouchMs = 120_000
const backoffMsMax = 60_000
const rowsPerStatementMax = 5_000
const statementsPerFlushMax = 20

export type FlushReport = { ok: boolean; used: number; bumped: number; stats: number; left: number }

export class UsageTracker extends DurableObject<Env> {
  protected clock: Clock = platformClock
  readonly #storage: TrackerStorage
  #flushing: Promise<FlushReport> | null = null
  /** Known to be armed; forgotten when a flush begins, since an alarm that runs is no longer set. */
  #armed: Promise<void> | null = null

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#storage = openTrackerStorage(ctx.storage.sql)
  }

  /** Takes a ping on a verdict that is remembered. `unknown`: ask the database, then `keep`. */
  async ping(ping: Ping): Promise<"kept" | "unknown"> {
    const row = this.#storage.findVerdict(ping)
    if (row === null || !this.#holds(row, ping.seenAtMs)) return "unknown"
    const facts = JSON.parse(row.facts) as UsageFacts
    if (ping.agentId !== null && !facts.agentIds.includes(ping.agentId)) return "unknown"
    if (ping.seenAtMs - row.used_at_ms > verdictTouchMs) this.#storage.touchVerdict(row, ping.seenAtMs)
    const { workspaceId, seenAtMs, agentId, app } = ping
    if (agentId === null || app === null) {
      const isKept = this.#storage.mark({ workspaceId, seenAtMs, bump: null })
      await this.#arm()
      return isKept ? "kept" : "unknown"
    }
    const isKept = this.#storage.mark(bumpingMark(workspaceId, facts, seenAtMs))
    if (isKept) this.#addStat(pingStat(workspaceId, agentId, facts, app, seenAtMs))
    await this.#arm()
    return isKept ? "kept" : "unknown"
  }

  /** Takes marks and statistics that the Worker has authorized, and remembers the verdict. False when the shard is full. */
  async keep(input: { marks: Mark[]; stats: AgentStat[]; verdict: Verdict | null }): Promise<boolean> {
    if (input.verdict !== null) this.#storage.putVerdict(input.verdict)
    for (const stat of input.stats) this.#addStat(stat)
    const areKept = input.marks.map((mark) => this.#storage.mark(mark))
    await this.#arm()
    return areKept.every(Boolean)
  }

  /** Writes what is kept, now. For the tick, which must not stop people whose use is still in here. */
  async flush(): Promise<FlushReport> {
    // One that is under way may have read before the newest mark came: wait for it, then run again.
    if (this.#flushing !== null) await this.#flushing
    return this.#flushOnce()
  }

  /** How much waits to be written and since when, for the metrics. Writes nothing. */
  waiting(): { rows: number; oldestAtMs: number | null } {
    const { used, stats } = this.#storage.sizes()
    return { rows: used + stats, oldestAtMs: this.#storage.oldestUsedAtMs() }
  }

  override async alarm(): Promise<void> {
    await this.#flushOnce()
  }

  #holds(row: VerdictRow, atMs: number): boolean {
    const renewedAtMs = row.is_renewable === 1 ? this.#storage.counter("renewed_at_ms") : 0
    return atMs - Math.max(row.checked_at_ms, renewedAtMs) <= verdictMsMax
  }

  #addStat(stat: AgentStat): void {
    const dropped = this.#storage.addStat(stat)
    if (dropped > 0) this.#countDropped(dropped)
  }

  #countDropped(count: number): void {
    this.#storage.setCounter("stats_dropped", this.#storage.counter("stats_dropped") + count)
  }

  /**
   * Sees to it that an alarm will come; awaited before anything is acknowledged. One that is set is not moved. Alarms are
   * the platform's clock's, whatever instants the marks carry.
   */
  #arm(afterMs = flushIntervalMs): Promise<void> {
    this.#armed ??= this.ctx.storage
      .getAlarm()
      .then((at) => (at === null ? this.ctx.storage.setAlarm(Date.now() + afterMs) : undefined))
    return this.#armed
  }

  #flushOnce(): Promise<FlushReport> {
    this.#flushing ??= this.#run().finally(() => {
      this.#flushing = null
    })
    return this.#flushing
  }

  // Never throws: an alarm that throws is retried six times and then forgotten, rows and all.
  async #run(): Promise<FlushReport> {
    this.#armed = null
    const report: FlushReport = { ok: true, used: 0, bumped: 0, stats: 0, left: 0 }
    const now = this.clock()
    const startedAt = performance.now()
    let failure: unknown = null
    let statements = 0
    try {
      const database = parseDatabaseUrl(this.env.DATABASE_URL)
      if (!database.ok) throw new Error(database.error)
      const db = connect(database.url)
      const idleSinceMs = now.getTime() - verdictIdleMsMax
      this.#storage.forgetVerdicts(idleSinceMs, now.getTime() - verdictMsMax)
      // Marks that come while a statement runs wait for the next flush, or a busy shard would never end this one.
      let isMore = this.#hasRows()
      while (isMore && statements < statementsPerFlushMax) {
        const used = this.#storage.readUsed(rowsPerStatementMax)
        const stats = this.#storage.readStats(rowsPerStatementMax)
        const verdicts = statements === 0 ? this.#storage.readRenewable() : []
        isMore = used.length === rowsPerStatementMax || stats.length === rowsPerStatementMax
        statements++
        const result = await this.#write(db, { now, used, stats, verdicts })
        if (result === null) {
          isMore = true
          continue
        }
        this.#storage.removeUsed(used)
        this.#storage.removeStats(stats)
        if (statements === 1) this.#renew(verdicts, result.renewed, now)
        if (result.bumped.length > 0) await publishWorkspaces(this.env, result.bumped)
        report.used += result.used
        report.bumped += result.bumped.length
        report.stats += result.stats
      }
      this.#storage.setCounter("attempts", 0)
    } catch (error) {
      failure = error
    }
    report.ok = failure === null
    const { used, stats } = this.#storage.sizes()
    report.left = used + stats
    if (failure !== null) await this.#backOff()
    else if (this.#hasRows()) await this.#arm()
    if (statements > 0 || failure !== null) {
      writeEvent({
        event: failure === null ? "usage_flush" : "usage_flush_failed",
        ...(failure === null ? {} : { outcome: "error", error: describe(failure) }),
        shard: this.ctx.id.name,
        ...report,
        statements,
        statsDropped: this.#storage.counter("stats_dropped"),
        ms: performance.now() - startedAt,
      })
    }
    return report
  }

  // Statistics that the database refuses as data would hold back every mark behind them: they are given up and counted.
  async #write(db: Database, input: FlushInput): Promise<FlushResult | null> {
    try {
      const [result] = await db.all(flushStatement(input))
      return result ?? null
    } catch (error) {
      if (!(error instanceof StatementFailed) || !/^2[23]/.test(error.code) || input.stats.length === 0)
        throw error
      this.#storage.removeStats(input.stats)
      this.#countDropped(input.stats.length)
      return null
    }
  }

  #hasRows(): boolean {
    const { used, stats } = this.#storage.sizes()
    return used + stats > 0
  }

  #renew(
    verdicts: readonly VerdictRow[],
    renewed: readonly { position: number; facts: UsageFacts }[],
    now: Date,
  ): void {
    const facts = new Map(renewed.map((one) => [one.position, JSON.stringify(one.facts)]))
    for (const [index, verdict] of verdicts.entries()) {
      const fresh = facts.get(index + 1)
      if (fresh === undefined) this.#storage.removeVerdict(verdict)
      else if (fresh !== verdict.facts) this.#storage.updateFacts(verdict, fresh)
    }
    this.#storage.setCounter("renewed_at_ms", now.getTime())
  }

  async #backOff(): Promise<void> {
    const attempts = this.#storage.counter("attempts") + 1
    this.#storage.setCounter("attempts", attempts)
    this.#armed = this.ctx.storage.setAlarm(Date.now() + Math.min(1_000 * 2 ** attempts, backoffMsMax))
    await this.#armed
  }
}

function describe(error: unknown): Record<string, unknown> {
  if (error instanceof StatementFailed || error instanceof DatabaseUnavailable) {
    return { message: error.message, code: error.code }
  }
  return { message: error instanceof Error ? error.message : String(error) }
}
