// The usage tracker: a shard that keeps marks of use, bumps and statistics until a flush.
//
// They are in the object's own SQLite until one statement writes them. What was acknowledged
// survives eviction, deploys and a database that is unavailable.
import { DurableObject } from "cloudflare:workers"
import { platformClock, type Clock } from "../../clock.ts"
import { openDatabase } from "../../platform/db/client.ts"
import { DatabaseUnavailable, StatementFailed } from "../../platform/db/errors.ts"
import { messageOf, writeEvent } from "../../platform/event.ts"
import { bumpingMark, pingStat } from "../activity.ts"
import type { AppSession } from "../app-sessions.ts"
import { countWaiting, Flush, type FlushReport, type Stores } from "./flush.ts"
import { LookAhead } from "./look-ahead.ts"
import type { AgentStat, Mark, Permit, Ping, UsageFacts } from "./mark.ts"
import { lookAheadStatement } from "./permit-statement.ts"
import { permitIdleMsMax, permitTouchMs } from "./permit-times.ts"
import type { PermitRow } from "./rows.ts"
import { shardOfName, usageShardCount } from "./shards.ts"
import { AppSessionStorage } from "./storage/app-sessions.ts"
import { Counters } from "./storage/counters.ts"
import { PermitStorage } from "./storage/permits.ts"
import { StatStorage } from "./storage/stats.ts"
import { UsedStorage } from "./storage/used.ts"

/** A little less than a minute: a ping each minute finds its permit renewed since the last one. */
const flushIntervalMs = 55_000
const backoffMsMax = 60_000

export class UsageTracker extends DurableObject<Env> {
  protected clock: Clock = platformClock
  readonly #stores: Stores
  readonly #ahead: LookAhead
  #flushing: Promise<FlushReport> | null = null
  /** The alarm is known to be set. Null from the start of a flush: a running alarm is not set. */
  #armed: Promise<void> | null = null

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    const { sql } = ctx.storage
    const counters = new Counters(sql)
    this.#stores = {
      counters,
      used: new UsedStorage(sql),
      stats: new StatStorage(sql),
      permits: new PermitStorage(sql, counters),
      apps: new AppSessionStorage(sql),
    }
    this.#ahead = new LookAhead(counters, async (countMax, now) => {
      const shard = shardOfName(ctx.id.name)
      if (shard === null) return []
      return openDatabase(this.env).all(
        lookAheadStatement({ shard, shardCount: usageShardCount }, countMax, now),
      )
    })
  }

  /**
   * Accepts a ping if its permit is cached. On `unknown` the caller asks the database and
   * `keep`s.
   */
  async ping(ping: Ping): Promise<"kept" | "unknown"> {
    let row = this.#findPermit(ping)
    if (row === null && (await this.#ahead.run(this.clock()))) row = this.#findPermit(ping)
    if (row === null) return "unknown"
    // A ping without a body needs no facts, and parsing them is most of its cost here.
    const facts = ping.agentId === null ? null : (JSON.parse(row.facts) as UsageFacts)
    if (ping.agentId !== null && facts?.agentIds.includes(ping.agentId) !== true) return "unknown"
    this.#usePermit(row, ping)
    const { workspaceId, seenAtMs, agentId, app } = ping
    const isSession = agentId !== null && app !== null && facts !== null
    const mark = isSession
      ? bumpingMark(workspaceId, facts, seenAtMs)
      : { workspaceId, seenAtMs, bump: null }
    const isKept = this.#stores.used.mark(mark)
    if (isKept && isSession) this.#addStat(pingStat(workspaceId, agentId, facts, app, seenAtMs))
    await this.#arm()
    return isKept ? "kept" : "unknown"
  }

  /**
   * Keeps marks, statistics and sessions that the Worker has authorized, and caches the permit.
   *
   * Returns false if the shard is full.
   */
  async keep(input: {
    marks: Mark[]
    stats: AgentStat[]
    sessions?: AppSession[]
    permit: Permit | null
  }): Promise<boolean> {
    const { used, permits, apps } = this.#stores
    for (const session of input.sessions ?? []) this.#countDropped(apps.put(session))
    if (input.permit !== null) permits.put(toPermitRow(input.permit))
    for (const stat of input.stats) this.#addStat(stat)
    const areKept = input.marks.map((mark) => used.mark(mark))
    await this.#arm()
    return areKept.every(Boolean)
  }

  /**
   * Writes what is kept, now. The tick calls it, so that it stops no workspace whose use is here.
   */
  async flush(): Promise<FlushReport> {
    // A flush in flight may have read before the newest mark: wait for it, then run again.
    if (this.#flushing !== null) await this.#flushing
    return this.#flushOnce()
  }

  /** How many rows wait and since when, for the metrics. Writes nothing. */
  waiting(): { rows: number; oldestAtMs: number | null } {
    return { rows: countWaiting(this.#stores), oldestAtMs: this.#stores.used.oldestAtMs() }
  }

  override async alarm(): Promise<void> {
    await this.#flushOnce()
  }

  #findPermit(ping: Ping): PermitRow | null {
    return this.#stores.permits.find(ping, ping.seenAtMs) ?? this.#ahead.find(ping, ping.seenAtMs)
  }

  #usePermit(row: PermitRow, { seenAtMs, ip }: Ping): void {
    const { permits } = this.#stores
    if (this.#ahead.take(row)) permits.put({ ...row, used_at_ms: seenAtMs, ip })
    else if (seenAtMs - row.used_at_ms > permitTouchMs) permits.touch(row, seenAtMs, ip)
  }

  #addStat(stat: AgentStat): void {
    this.#countDropped(this.#stores.stats.add(stat))
  }

  #countDropped(count: number): void {
    this.#stores.counters.add("stats_dropped", count)
  }

  /**
   * Ensures that an alarm is set; awaited before anything is acknowledged. Does not move an alarm.
   *
   * Alarms use the platform's clock, whatever instants the marks carry.
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

  // Never throws: an alarm that throws is retried six times and then dropped with its rows.
  async #run(): Promise<FlushReport> {
    this.#armed = null
    const now = this.clock()
    const startedAt = performance.now()
    const { counters, permits } = this.#stores
    let flush: Flush | null = null
    let failure: unknown = null
    try {
      this.#ahead.forget(now.getTime())
      permits.forget(now.getTime() - permitIdleMsMax)
      flush = new Flush(this.env, this.#stores, now)
      await flush.run()
      counters.set("attempts", 0)
    } catch (error) {
      failure = error
    }
    const report: FlushReport = {
      ...(flush?.report ?? { used: 0, bumped: 0, stats: 0 }),
      ok: failure === null,
      left: countWaiting(this.#stores),
    }
    if (failure !== null) await this.#backOff()
    else if (report.left > 0) await this.#arm()
    const statements = flush?.statements ?? 0
    if (statements > 0 || failure !== null) {
      writeEvent({
        event: failure === null ? "usage_flush" : "usage_flush_failed",
        ...(failure === null ? {} : { outcome: "error", error: describe(failure) }),
        shard: this.ctx.id.name,
        ...report,
        statements,
        statsDropped: counters.get("stats_dropped"),
        marksDropped: counters.get("marks_dropped"),
        ms: performance.now() - startedAt,
      })
    }
    return report
  }

  async #backOff(): Promise<void> {
    const { counters } = this.#stores
    counters.add("attempts", 1)
    const waitMs = Math.min(1_000 * 2 ** counters.get("attempts"), backoffMsMax)
    this.#armed = this.ctx.storage.setAlarm(platformClock().getTime() + waitMs)
    await this.#armed
  }
}

function toPermitRow({ keyId, workspaceId, keyHash, checkedAtMs, ip, facts }: Permit): PermitRow {
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
