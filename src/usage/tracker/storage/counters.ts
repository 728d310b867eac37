// Named numbers of a shard that survive an eviction.
export class Counters {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`create table if not exists counters (
      name text primary key, value integer not null) without rowid`)
  }

  get(name: string): number {
    const [row] = this.#sql.exec("select value from counters where name = ?", name).toArray()
    return Number(row?.["value"] ?? 0)
  }

  set(name: string, value: number): void {
    this.#sql.exec("insert or replace into counters values (?, ?)", name, value)
  }

  add(name: string, count: number): void {
    if (count !== 0) this.set(name, this.get(name) + count)
  }
}
