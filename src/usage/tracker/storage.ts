// The tracker's own SQLite: every table and statement of it. Statements run one after another without an await between
// them, so each function is atomic; what it wrote is durable before the caller hears of it.
import type { AgentStat, Mark, VerdictKey } from "./mark.ts"
import type { StatRow, UsedRow, VerdictRow } from "./rows.ts"
import { verdictMsMax } from "./verdict-times.ts"

/** Active workspaces a shard can hold. A database that is gone for hours does not make it grow: a workspace is one row. */
export const usedRowsMax = 100_000
/** Statistics kept while the database is gone; the oldest give way. */
export const statRowsMax = 20_000
export const verdictRowsMax = 10_000

export type TrackerStorage = ReturnType<typeof openTrackerStorage>

/** Verdicts are known for a minute: their former table, of another shape, is worth nothing and goes. */
export function openTrackerStorage(sql: SqlStorage) {
  sql.exec(`
    create table if not exists used (
      workspace_id text primary key, seen_at_ms integer not null, bump_at_ms integer, next_autostart_at_ms integer
    ) without rowid;
    create table if not exists stats (id integer primary key autoincrement, stat text not null);
    drop table if exists verdicts;
    create table if not exists known_verdicts (
      key_id text not null, workspace_id text not null, key_hash text not null, checked_at_ms integer not null,
      used_at_ms integer not null, ip text not null, facts text not null, number integer not null, primary key (key_id, workspace_id)
    ) without rowid;
    create table if not exists counters (name text primary key, value integer not null) without rowid;
  `)

  const count = (table: "used" | "stats" | "known_verdicts") =>
    Number(sql.exec(`select count(*) as n from ${table}`).one()["n"])
  // Counted once when the object wakes and after removals, not at each mark: rows that are read are paid for.
  const counts = { used: count("used"), stats: count("stats"), verdicts: count("known_verdicts") }

  const counter = (name: string) =>
    Number(sql.exec("select value from counters where name = ?", name).toArray()[0]?.["value"] ?? 0)
  const setCounter = (name: string, value: number) => {
    sql.exec("insert or replace into counters values (?, ?)", name, value)
  }
  // Verdicts are numbered as they are stored, so that a renewal says with one number which of them it has proven.
  const newest = Number(sql.exec("select max(number) as n from known_verdicts").one()["n"] ?? 0)
  let lastNumber = Math.max(newest, counter("renewed_number"))

  return {
    /** Keeps the latest instant of each; false when the shard is full and the workspace is new to it. */
    mark({ workspaceId, seenAtMs, bump }: Mark): boolean {
      const updated = sql.exec(
        `update used set seen_at_ms = max(seen_at_ms, ?2),
           next_autostart_at_ms = case when ?3 >= ifnull(bump_at_ms, -1) then ?4 else next_autostart_at_ms end,
           bump_at_ms = case when ?3 is null then bump_at_ms else max(ifnull(bump_at_ms, -1), ?3) end
         where workspace_id = ?1`,
        workspaceId,
        seenAtMs,
        bump && seenAtMs,
        bump && bump.nextAutostartAtMs,
      ).rowsWritten
      if (updated > 0) return true
      if (counts.used >= usedRowsMax) return false
      counts.used += 1
      sql.exec(
        "insert into used values (?, ?, ?, ?)",
        workspaceId,
        seenAtMs,
        bump && seenAtMs,
        bump && bump.nextAutostartAtMs,
      )
      return true
    },
    readUsed(limit: number): UsedRow[] {
      return sql.exec<UsedRow>("select * from used limit ?", limit).toArray()
    },
    oldestUsedAtMs(): number | null {
      const [row] = sql
        .exec<{ at_ms: number | null }>("select min(seen_at_ms) as at_ms from used")
        .toArray()
      return row?.at_ms ?? null
    },
    /** Removes exactly what was read: a row that was marked again meanwhile stays. */
    removeUsed(rows: readonly UsedRow[]): void {
      sql.exec(
        `delete from used where exists (
           select 1 from json_each(?) r
           where r.value ->> 'workspace_id' = used.workspace_id and r.value ->> 'seen_at_ms' = used.seen_at_ms
             and r.value ->> 'bump_at_ms' is used.bump_at_ms)
         and workspace_id in (select r.value ->> 'workspace_id' from json_each(?) r)`,
        JSON.stringify(rows),
        JSON.stringify(rows),
      )
      counts.used = count("used")
    },

    /** Returns how many of the oldest had to give way. */
    addStat(stat: AgentStat): number {
      sql.exec("insert into stats (stat) values (?)", JSON.stringify(stat))
      counts.stats += 1
      const excess = counts.stats - statRowsMax
      if (excess <= 0) return 0
      sql.exec("delete from stats where id in (select id from stats order by id limit ?)", excess)
      counts.stats = count("stats")
      return excess
    },
    readStats(limit: number): StatRow[] {
      return sql.exec<StatRow>("select id, stat from stats order by id limit ?", limit).toArray()
    },
    removeStats(rows: readonly StatRow[]): void {
      sql.exec(
        "delete from stats where id in (select value from json_each(?))",
        JSON.stringify(rows.map((row) => row.id)),
      )
      counts.stats = count("stats")
    },

    /** The verdict of a ping at `atMs`, where the database gave it or proved it again no longer ago than a verdict is good for. */
    findVerdict({ keyId, keyHash, workspaceId }: VerdictKey, atMs: number): VerdictRow | null {
      const [row] = sql
        .exec<VerdictRow & { number: number }>(
          "select * from known_verdicts where key_id = ? and workspace_id = ? and key_hash = ?",
          keyId,
          workspaceId,
          keyHash,
        )
        .toArray()
      if (row === undefined) return null
      if (atMs - row.checked_at_ms <= verdictMsMax) return row
      const isRenewed = row.number <= counter("renewed_number")
      return isRenewed && atMs - counter("renewed_at_ms") <= verdictMsMax ? row : null
    },
    putVerdict(row: VerdictRow): void {
      const { key_id, workspace_id, key_hash, checked_at_ms, used_at_ms, ip, facts } = row
      lastNumber += 1
      const updated = sql.exec(
        `update known_verdicts set key_hash = ?3, checked_at_ms = ?4, used_at_ms = ?5, ip = ?6, facts = ?7, number = ?8
         where key_id = ?1 and workspace_id = ?2`,
        key_id,
        workspace_id,
        key_hash,
        checked_at_ms,
        used_at_ms,
        ip,
        facts,
        lastNumber,
      ).rowsWritten
      if (updated > 0) return
      if (counts.verdicts >= verdictRowsMax) {
        sql.exec(
          `delete from known_verdicts where (key_id, workspace_id) in
             (select key_id, workspace_id from known_verdicts order by used_at_ms limit 100)`,
        )
        counts.verdicts = count("known_verdicts")
      }
      counts.verdicts += 1
      sql.exec(
        "insert into known_verdicts values (?, ?, ?, ?, ?, ?, ?, ?)",
        key_id,
        workspace_id,
        key_hash,
        checked_at_ms,
        used_at_ms,
        ip,
        facts,
        lastNumber,
      )
    },
    touchVerdict(row: VerdictRow, usedAtMs: number, ip: string): void {
      sql.exec(
        "update known_verdicts set used_at_ms = ?, ip = ? where key_id = ? and workspace_id = ?",
        usedAtMs,
        ip,
        row.key_id,
        row.workspace_id,
      )
    },
    /** All that are stored, to be proven again; `number` is what `renew` must be told of them. */
    readVerdicts(): { rows: VerdictRow[]; number: number } {
      return {
        rows: sql.exec<VerdictRow>("select * from known_verdicts").toArray(),
        number: lastNumber,
      }
    },
    /**
     * Those up to a number were proven as of an instant: one row is written, not one a verdict. What is stored while a renewal is under
     * way has a higher number and is not taken for proven.
     */
    renew(number: number, atMs: number): void {
      setCounter("renewed_number", number)
      setCounter("renewed_at_ms", atMs)
    },
    /** Facts rarely change, so that a renewal writes next to nothing. */
    updateFacts(row: VerdictRow, facts: string): void {
      sql.exec(
        "update known_verdicts set facts = ? where key_id = ? and workspace_id = ? and checked_at_ms = ?",
        facts,
        row.key_id,
        row.workspace_id,
        row.checked_at_ms,
      )
    },
    /** A verdict that was given again meanwhile stays. */
    removeVerdict(row: VerdictRow): void {
      sql.exec(
        "delete from known_verdicts where key_id = ? and workspace_id = ? and checked_at_ms = ?",
        row.key_id,
        row.workspace_id,
        row.checked_at_ms,
      )
      counts.verdicts = count("known_verdicts")
    },
    /** Forgets what nobody used since an instant. */
    forgetVerdicts(usedBeforeMs: number): void {
      sql.exec("delete from known_verdicts where used_at_ms < ?", usedBeforeMs)
      counts.verdicts = count("known_verdicts")
    },

    sizes: () => ({ ...counts }),
    counter,
    setCounter,
  }
}
