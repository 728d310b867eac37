// The usage tracker: a shard that keeps marks of use, bumps and statistics in its own SQLite until one statement writes
// them. What was acknowledged survives eviction, deploys and a database that is gone.
import { DurableObject } from "cloudflare:workers"
import { platformClock, type Clock } from "../../clock.ts"
import { openDatabase, type Database } from "../../platform/db/client.ts"
import { DatabaseUnavailable, StatementFailed } from "../../platform/db/errors.ts"
import { messageOf, writeEvent } from "../../platform/event.ts"
import { publishWorkspaces } from "../../platform/durable/publish.ts"
import { bumpingMark, pingStat } from "../activity.ts"
import { openAppSessionStorage, type AppSessionStorage } from "./app-session-storage.ts"
import { isDone, toAppReports, usedAtMs, type AppReport, type AppSession } from "../app-sessions.ts"
import { flushStatement, type FlushInput, type FlushResult } from "./flush-statement.ts"
import { LookAhead } from "./look-ahead.ts"
import type { AgentStat, Mark, Ping, UsageFacts, Verdict } from "./mark.ts"
import { shardOfName, usageShardCount } from "./shards.ts"
import type { VerdictRow } from "./rows.ts"
import { openTrackerStorage, type TrackerStorage } from "./storage.ts"
import { lookAheadStatement } from "./verdict-statement.ts"
import { verdictIdleMsMax, verdictTouchMs } from "./verdict-times.ts"

/** A little less than a minute, so that a ping each minute finds its verdict renewed since the last one. */
const flushIntervalMs = 55_000
const backoffMsMax = 60_000
const rowsPerStatementMax = 5_000
const statementsPerFlushMax = 20

type FlushWork = Omit<FlushInput, "apps"> & { apps: readonly AppReport[] }

export type FlushReport = { ok: boolean; used: number; bumped: number; stats: number; left: number }

export class UsageTracker extends DurableObject<Env> {
  protected clock: Clock = platformClock
  readonly #storage: TrackerStorage
  readonly #apps: AppSessionStorage
  readonly #ahead: LookAhead
  #flushing: Promise<FlushReport> | null = null
  /** Known to be armed; forgotten when a flush begins, since an alarm that runs is no longer set. */
  #armed: Promise<void> | null = null

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#storage = openTrackerStorage(ctx.storage.sql)
    this.#apps = openAppSessionStorage(ctx.storage.sql)
    this.#ahead = new LookAhead(this.#storage, async (countMax, now) => {
      const shard = shardOfName(ctx.id.name)
      if (shard === null) return []
      return openDatabase(this.env).all(
        lookAheadStatement({ shard, shardCount: usageShardCount }, countMax, now),
      )
    })
  }

  /** Takes a ping on a verdict that is remembered. `unknown`: ask the database, then `keep`. */
  async ping(ping: Ping): Promise<"kept" | "unknown"> {
    let row = this.#findVerdict(ping)
    if (row === null && (await this.#ahead.run(this.clock()))) row = this.#findVerdict(ping)
    if (row === null) return "unknown"
    // A ping without a body needs no facts, and they are most of what a ping costs here.
    const facts = ping.agentId === null ? null : (JSON.parse(row.facts) as UsageFacts)
    if (ping.agentId !== null && facts?.agentIds.includes(ping.agentId) !== true) return "unknown"
    this.#useVerdict(row, ping)
    const { workspaceId, seenAtMs, agentId, app } = ping
    if (agentId === null || app === null || facts === null) {
      const isKept = this.#storage.mark({ workspaceId, seenAtMs, bump: null })
      await this.#arm()
      return isKept ? "kept" : "unknown"
    }
    const isKept = this.#storage.mark(bumpingMark(workspaceId, facts, seenAtMs))
    if (isKept) this.#addStat(pingStat(workspaceId, agentId, facts, app, seenAtMs))
    await this.#arm()
    return isKept ? "kept" : "unknown"
  }

  /** Takes marks, statistics and sessions that the Worker has authorized, and remembers the verdict. False when the shard is full. */
  async keep(input: {
    marks: Mark[]
    stats: AgentStat[]
    sessions?: AppSession[]
    verdict: Verdict | null
  }): Promise<boolean> {
    for (const session of input.sessions ?? []) this.#countDropped(this.#apps.put(session))
    if (input.verdict !== null) this.#storage.putVerdict(toVerdictRow(input.verdict))
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
    return { rows: this.#rowCount(), oldestAtMs: this.#storage.oldestUsedAtMs() }
  }

  override async alarm(): Promise<void> {
    await this.#flushOnce()
  }

  #findVerdict(ping: Ping): VerdictRow | null {
    return this.#storage.findVerdict(ping, ping.seenAtMs) ?? this.#ahead.find(ping, ping.seenAtMs)
  }

  #useVerdict(row: VerdictRow, { seenAtMs, ip }: Ping): void {
    if (this.#ahead.take(row)) this.#storage.putVerdict({ ...row, used_at_ms: seenAtMs, ip })
    else if (seenAtMs - row.used_at_ms > verdictTouchMs)
      this.#storage.touchVerdict(row, seenAtMs, ip)
  }

  #addStat(stat: AgentStat): void {
    this.#countDropped(this.#storage.addStat(stat))
  }

  #countDropped(count: number): void {
    if (count === 0) return
    this.#storage.setCounter("stats_dropped", this.#storage.counter("stats_dropped") + count)
  }

  /**
   * Sees to it that an alarm will come; awaited before anything is acknowledged. One that is set is not moved. Alarms are
   * the platform's clock's, whatever instants the marks carry.
   */
  #arm(afterMs = flushIntervalMs): Promise<void> {
    this.#armed ??= this.ctx.storage
      .getAlarm()
      .then((at) =>
        at === null ? this.ctx.storage.setAlarm(platformClock().getTime() + afterMs) : undefined,
      )
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
      const db = openDatabase(this.env)
      this.#ahead.forget(now.getTime())
      this.#storage.forgetVerdicts(now.getTime() - verdictIdleMsMax)
      // Marks that come while a statement runs wait for the next flush, or a busy shard would never end this one.
      let apps = this.#readApps(now)
      let isMore = this.#rowCount() > 0
      while (isMore && statements < statementsPerFlushMax) {
        const used = this.#storage.readUsed(rowsPerStatementMax)
        const stats = this.#storage.readStats(rowsPerStatementMax)
        const verdicts = statements === 0 ? this.#storage.readVerdicts() : null
        isMore = used.length === rowsPerStatementMax || stats.length === rowsPerStatementMax
        statements++
        const result = await this.#write(db, {
          now,
          used,
          stats,
          apps,
          verdicts: verdicts?.rows ?? [],
        })
        if (result === null) {
          apps = []
          isMore = true
          continue
        }
        this.#settleApps(apps, now)
        apps = []
        this.#storage.removeUsed(used)
        this.#storage.removeStats(stats)
        if (verdicts !== null) {
          this.#renew(verdicts.rows, result.renewed)
          this.#storage.renew(verdicts.number, now.getTime())
        }
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
    report.left = this.#rowCount()
    if (failure !== null) await this.#backOff()
    else if (report.left > 0) await this.#arm()
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
  async #write(db: Database, { apps, ...input }: FlushWork): Promise<FlushResult | null> {
    try {
      const [result] = await db.all(flushStatement({ ...input, apps: apps.map((app) => app.row) }))
      return result ?? null
    } catch (error) {
      const refused = input.stats.length + apps.length
      if (!(error instanceof StatementFailed) || !/^2[23]/.test(error.code) || refused === 0)
        throw error
      this.#storage.removeStats(input.stats)
      this.#apps.forget(apps.flatMap((app) => app.sessions))
      this.#countDropped(refused)
      return null
    }
  }

  /** What is to be stored of sessions now; each also says that its workspace was used. */
  #readApps(now: Date): AppReport[] {
    const nowMs = now.getTime()
    const apps = toAppReports(this.#apps.read(), nowMs).slice(0, rowsPerStatementMax)
    for (const { row } of apps) {
      this.#storage.mark({
        workspaceId: row.workspace_id,
        seenAtMs: usedAtMs(row, nowMs),
        bump: null,
      })
    }
    return apps
  }

  #settleApps(apps: readonly AppReport[], now: Date): void {
    if (apps.length > 0) this.#apps.markWritten(apps.flatMap((app) => app.sessions))
    this.#apps.forget(this.#apps.read().filter((session) => isDone(session, now.getTime())))
  }

  /** How much waits to be written. */
  #rowCount(): number {
    const { used, stats } = this.#storage.sizes()
    return used + stats + this.#apps.waiting()
  }

  #renew(
    verdicts: readonly VerdictRow[],
    renewed: readonly { position: number; facts: UsageFacts }[],
  ): void {
    const facts = new Map(renewed.map((one) => [one.position, JSON.stringify(one.facts)]))
    for (const [index, verdict] of verdicts.entries()) {
      const fresh = facts.get(index + 1)
      if (fresh === undefined) this.#storage.removeVerdict(verdict)
      else if (fresh !== verdict.facts) this.#storage.updateFacts(verdict, fresh)
    }
  }

  async #backOff(): Promise<void> {
    const attempts = this.#storage.counter("attempts") + 1
    this.#storage.setCounter("attempts", attempts)
    this.#armed = this.ctx.storage.setAlarm(
      platformClock().getTime() + Math.min(1_000 * 2 ** attempts, backoffMsMax),
    )
    await this.#armed
  }
}

function toVerdictRow({
  keyId,
  workspaceId,
  keyHash,
  checkedAtMs,
  ip,
  facts,
}: Verdict): VerdictRow {
  return {
    key_id: keyId,
    workspace_id: workspaceId,
    key_hash: keyHash,
    checked_at_ms: checkedAtMs,
    used_at_ms: checkedAtMs,
    ip,
    facts: JSON.stringify(facts),
  }
}

function describe(error: unknown): Record<string, unknown> {
  if (error instanceof StatementFailed || error instanceof DatabaseUnavailable) {
    return { message: error.message, code: error.code }
  }
  return { message: messageOf(error) }
}
