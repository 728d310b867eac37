// One flush of a shard: reads what waits, writes it, and removes what was written.
import { openDatabase, type Database } from "../../platform/db/client.ts"
import type { StatementFailed } from "../../platform/db/errors.ts"
import { isRefusal, type Refused, writeIsolated } from "../../platform/db/isolate.ts"
import { publishWorkspaces } from "../../platform/durable/publish.ts"
import { writeEvent } from "../../platform/event.ts"
import { isDone, toAppReports, usedAtMs, type AppReport } from "../app-sessions.ts"
import { flushStatement, type FlushResult } from "./flush-statement.ts"
import type { PermitRow, StatRow, UsedRow } from "./rows.ts"
import type { AppSessionStorage } from "./storage/app-sessions.ts"
import type { Counters } from "./storage/counters.ts"
import type { PermitStorage } from "./storage/permits.ts"
import type { StatStorage } from "./storage/stats.ts"
import type { UsedStorage } from "./storage/used.ts"

const rowsPerStatementMax = 5_000
const roundsPerFlushMax = 20

/** What a shard keeps until a flush. */
export type Stores = {
  counters: Counters
  used: UsedStorage
  stats: StatStorage
  permits: PermitStorage
  apps: AppSessionStorage
}

export type FlushReport = { ok: boolean; used: number; bumped: number; stats: number; left: number }

/** A row to write; one that the database refuses must not hold back the others. */
type Item = { used: UsedRow } | { stat: StatRow } | { app: AppReport } | { permit: PermitRow }

/** How many rows wait. */
export function countWaiting({ used, stats, apps }: Stores): number {
  return used.count + stats.count + apps.waiting()
}

export class Flush {
  readonly #env: Env
  readonly #stores: Stores
  readonly #now: Date
  readonly #db: Database
  readonly report: FlushReport = { ok: true, used: 0, bumped: 0, stats: 0, left: 0 }
  statements = 0

  constructor(env: Env, stores: Stores, now: Date) {
    this.#env = env
    this.#stores = stores
    this.#now = now
    this.#db = openDatabase(env)
  }

  /**
   * Writes in rounds until nothing waits.
   *
   * A mark that arrives while a statement runs waits for the next flush. Otherwise a busy shard
   * would never finish.
   */
  async run(): Promise<void> {
    const { used, stats, permits } = this.#stores
    let apps = this.#readApps()
    let isMore = countWaiting(this.#stores) > 0
    for (let round = 0; isMore && round < roundsPerFlushMax; round++) {
      const usedRows = used.read(rowsPerStatementMax)
      const statRows = stats.read(rowsPerStatementMax)
      const known = round === 0 ? permits.read() : null
      isMore = [usedRows, statRows].some((rows) => rows.length === rowsPerStatementMax)
      const items: Item[] = [
        ...usedRows.map((row) => ({ used: row })),
        ...statRows.map((row) => ({ stat: row })),
        ...apps.map((report) => ({ app: report })),
        ...(known?.rows ?? []).map((row) => ({ permit: row })),
      ]
      for (const refused of await writeIsolated(items, (part) => this.#write(part)))
        await this.#giveUp(refused)
      this.#forgetDone()
      apps = []
      if (known !== null) permits.renew(known.number, this.#now.getTime())
    }
  }

  /** What to store of sessions now. Each row also proves that its workspace was used. */
  #readApps(): AppReport[] {
    const nowMs = this.#now.getTime()
    const apps = toAppReports(this.#stores.apps.read(), nowMs).slice(0, rowsPerStatementMax)
    for (const { row } of apps) {
      const seenAtMs = usedAtMs(row, nowMs)
      this.#stores.used.mark({ workspaceId: row.workspace_id, seenAtMs, bump: null })
    }
    return apps
  }

  /** Writes a part of a round in one statement, and removes it here. */
  async #write(part: readonly Item[]): Promise<void> {
    const used = part.flatMap((item) => ("used" in item ? [item.used] : []))
    const stats = part.flatMap((item) => ("stat" in item ? [item.stat] : []))
    const apps = part.flatMap((item) => ("app" in item ? [item.app] : []))
    const permits = part.flatMap((item) => ("permit" in item ? [item.permit] : []))
    const rows = apps.map((app) => app.row)
    const result = await this.#send({ now: this.#now, used, stats, apps: rows, permits })
    this.#stores.used.remove(used)
    this.#stores.stats.remove(stats)
    if (apps.length > 0) this.#stores.apps.markWritten(apps.flatMap((app) => app.sessions))
    this.#renew(permits, result)
    if (result.bumped.length > 0) await publishWorkspaces(this.#env, result.bumped)
  }

  async #send(input: Parameters<typeof flushStatement>[0]): Promise<FlushResult> {
    this.statements++
    const [result] = await this.#db.all(flushStatement(input))
    if (result === undefined) throw new Error("the flush returned no row")
    this.report.used += result.used
    this.report.bumped += result.bumped.length
    this.report.stats += result.stats
    return result
  }

  /** Removes the permits that no longer hold, and takes over the new facts of the others. */
  #renew(permits: readonly PermitRow[], { renewed }: FlushResult): void {
    const facts = new Map(renewed.map((one) => [one.position, JSON.stringify(one.facts)]))
    for (const [index, permit] of permits.entries()) {
      const fresh = facts.get(index + 1)
      if (fresh === undefined) this.#stores.permits.remove(permit)
      else if (fresh !== permit.facts) this.#stores.permits.updateFacts(permit, fresh)
    }
  }

  /**
   * Drops a row that the database refuses as data, and reports it.
   *
   * Of a mark that bumps, the use is still written without the bump. The key of a permit has to
   * authenticate in full again.
   */
  async #giveUp({ item, error }: Refused<Item>): Promise<void> {
    const { counters, used, stats, permits, apps } = this.#stores
    if ("used" in item) {
      const isKept = item.used.bump_at_ms !== null && (await this.#writeUse(item.used))
      used.remove([item.used])
      if (!isKept) counters.add("marks_dropped", 1)
      writeRefusal(error, { workspaceId: item.used.workspace_id, isUseWritten: isKept })
    } else if ("permit" in item) {
      permits.remove(item.permit)
      writeRefusal(error, { workspaceId: item.permit.workspace_id })
    } else {
      if ("stat" in item) stats.remove([item.stat])
      else apps.forget(item.app.sessions)
      counters.add("stats_dropped", 1)
      writeRefusal(error, "app" in item ? { workspaceId: item.app.row.workspace_id } : {})
    }
  }

  async #writeUse(row: UsedRow): Promise<boolean> {
    const used = [{ ...row, bump_at_ms: null, next_autostart_at_ms: null }]
    try {
      await this.#send({ now: this.#now, used, stats: [], apps: [], permits: [] })
      return true
    } catch (error) {
      if (!isRefusal(error)) throw error
      return false
    }
  }

  #forgetDone(): void {
    const { apps } = this.#stores
    apps.forget(apps.read().filter((session) => isDone(session, this.#now.getTime())))
  }
}

function writeRefusal({ message, code, constraint }: StatementFailed, fields: object): void {
  const event = "usage_row_refused"
  writeEvent({ event, outcome: "error", error: message, code, constraint, ...fields })
}
