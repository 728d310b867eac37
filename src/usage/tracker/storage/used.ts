// The marks of use that wait for a flush: one row per workspace, with its latest instants.
import type { Mark } from "../mark.ts"
import type { UsedRow } from "../rows.ts"

/** The most active workspaces of a shard. It does not grow while the database is gone. */
export const usedRowsMax = 100_000

/** Each function is atomic: statements of an object's SQLite run without an await between them. */
export class UsedStorage {
  readonly #sql: SqlStorage
  /** Counted when the object starts and after removals, not at each mark: rows read are billed. */
  #count: number

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`create table if not exists used (
      workspace_id text primary key, seen_at_ms integer not null, bump_at_ms integer,
      next_autostart_at_ms integer) without rowid`)
    this.#count = this.#counted()
  }

  /** Keeps the latest instant of each. Returns false if the shard is full and has no such row. */
  mark({ workspaceId, seenAtMs, bump }: Mark): boolean {
    const values = [workspaceId, seenAtMs, bump && seenAtMs, bump && bump.nextAutostartAtMs]
    const { rowsWritten } = this.#sql.exec(
      `update used set seen_at_ms = max(seen_at_ms, ?2),
         next_autostart_at_ms = case when ?3 >= ifnull(bump_at_ms, -1)
           then ?4 else next_autostart_at_ms end,
         bump_at_ms = case when ?3 is null
           then bump_at_ms else max(ifnull(bump_at_ms, -1), ?3) end
       where workspace_id = ?1`,
      ...values,
    )
    if (rowsWritten > 0) return true
    if (this.#count >= usedRowsMax) return false
    this.#count += 1
    this.#sql.exec("insert into used values (?, ?, ?, ?)", ...values)
    return true
  }

  read(limit: number): UsedRow[] {
    return this.#sql.exec<UsedRow>("select * from used limit ?", limit).toArray()
  }

  oldestAtMs(): number | null {
    const [row] = this.#sql
      .exec<{ at_ms: number | null }>("select min(seen_at_ms) as at_ms from used")
      .toArray()
    return row?.at_ms ?? null
  }

  /** Removes exactly what was read. A row that was marked again since then stays. */
  remove(rows: readonly UsedRow[]): void {
    if (rows.length === 0) return
    this.#sql.exec(
      `delete from used where exists (
         select 1 from json_each(?1) r
         where r.value ->> 'workspace_id' = used.workspace_id
           and r.value ->> 'seen_at_ms' = used.seen_at_ms
           and r.value ->> 'bump_at_ms' is used.bump_at_ms)
       and workspace_id in (select r.value ->> 'workspace_id' from json_each(?1) r)`,
      JSON.stringify(rows),
    )
    this.#count = this.#counted()
  }

  get count(): number {
    return this.#count
  }

  #counted(): number {
    return Number(this.#sql.exec("select count(*) as n from used").one()["n"])
  }
}
