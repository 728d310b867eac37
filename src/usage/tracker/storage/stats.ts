// The statistics that wait for a flush.
import type { AgentStat } from "../mark.ts"
import type { StatRow } from "../rows.ts"

/** The most statistics that are kept while the database is gone. */
export const statRowsMax = 20_000

export class StatStorage {
  readonly #sql: SqlStorage
  #count: number

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`create table if not exists stats (
      id integer primary key autoincrement, stat text not null)`)
    this.#count = this.#counted()
  }

  /** Returns how many of the oldest were dropped for it. */
  add(stat: AgentStat): number {
    this.#sql.exec("insert into stats (stat) values (?)", JSON.stringify(stat))
    this.#count += 1
    const excess = this.#count - statRowsMax
    if (excess <= 0) return 0
    this.#sql.exec(
      "delete from stats where id in (select id from stats order by id limit ?)",
      excess,
    )
    this.#count = this.#counted()
    return excess
  }

  read(limit: number): StatRow[] {
    return this.#sql
      .exec<StatRow>("select id, stat from stats order by id limit ?", limit)
      .toArray()
  }

  remove(rows: readonly StatRow[]): void {
    if (rows.length === 0) return
    this.#sql.exec(
      "delete from stats where id in (select value from json_each(?))",
      JSON.stringify(rows.map((row) => row.id)),
    )
    this.#count = this.#counted()
  }

  get count(): number {
    return this.#count
  }

  #counted(): number {
    return Number(this.#sql.exec("select count(*) as n from stats").one()["n"])
  }
}
