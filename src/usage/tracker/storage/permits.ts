// The permits that a shard has cached. A flush proves them again.
import type { PermitKey } from "../mark.ts"
import { permitMsMax } from "../permit-times.ts"
import type { PermitRow } from "../rows.ts"
import type { Counters } from "./counters.ts"

export const permitRowsMax = 10_000

export class PermitStorage {
  readonly #sql: SqlStorage
  readonly #counters: Counters
  #count: number
  /**
   * Permits are numbered as they are stored. A renewal names with one number those it has proven.
   */
  #lastNumber: number

  constructor(sql: SqlStorage, counters: Counters) {
    this.#sql = sql
    this.#counters = counters
    sql.exec(`create table if not exists permits (
      key_id text not null, workspace_id text not null, key_hash text not null,
      checked_at_ms integer not null, used_at_ms integer not null, ip text not null,
      facts text not null, number integer not null,
      primary key (key_id, workspace_id)) without rowid`)
    this.#count = this.#counted()
    const newest = sql.exec("select max(number) as n from permits").one()["n"]
    this.#lastNumber = Math.max(Number(newest ?? 0), counters.get("renewed_number"))
  }

  /** The permit of a ping at `atMs`, if the database proved it within the last minute. */
  find({ keyId, keyHash, workspaceId }: PermitKey, atMs: number): PermitRow | null {
    const [row] = this.#sql
      .exec<PermitRow & { number: number }>(
        "select * from permits where key_id = ? and workspace_id = ? and key_hash = ?",
        keyId,
        workspaceId,
        keyHash,
      )
      .toArray()
    if (row === undefined) return null
    if (atMs - row.checked_at_ms <= permitMsMax) return row
    const isRenewed = row.number <= this.#counters.get("renewed_number")
    return isRenewed && atMs - this.#counters.get("renewed_at_ms") <= permitMsMax ? row : null
  }

  put(row: PermitRow): void {
    this.#lastNumber += 1
    const { key_id, workspace_id, key_hash, checked_at_ms, used_at_ms, ip, facts } = row
    const values = [key_id, workspace_id, key_hash, checked_at_ms, used_at_ms, ip, facts]
    const { rowsWritten } = this.#sql.exec(
      `update permits set key_hash = ?3, checked_at_ms = ?4, used_at_ms = ?5, ip = ?6,
         facts = ?7, number = ?8
       where key_id = ?1 and workspace_id = ?2`,
      ...values,
      this.#lastNumber,
    )
    if (rowsWritten > 0) return
    if (this.#count >= permitRowsMax) this.#dropOldest()
    this.#count += 1
    this.#sql.exec(
      "insert into permits values (?, ?, ?, ?, ?, ?, ?, ?)",
      ...values,
      this.#lastNumber,
    )
  }

  #dropOldest(): void {
    this.#sql.exec(
      `delete from permits where (key_id, workspace_id) in
         (select key_id, workspace_id from permits order by used_at_ms limit 100)`,
    )
    this.#count = this.#counted()
  }

  touch(row: PermitRow, usedAtMs: number, ip: string): void {
    this.#sql.exec(
      "update permits set used_at_ms = ?, ip = ? where key_id = ? and workspace_id = ?",
      usedAtMs,
      ip,
      row.key_id,
      row.workspace_id,
    )
  }

  /** Reads all, to be proven again. `renew` takes `number`. */
  read(): { rows: PermitRow[]; number: number } {
    return {
      rows: this.#sql.exec<PermitRow>("select * from permits").toArray(),
      number: this.#lastNumber,
    }
  }

  /**
   * Notes that the permits up to a number were proven at an instant.
   *
   * One row is written and not one per permit. A permit that is stored while a renewal is in flight
   * has a higher number, so it does not count as proven.
   */
  renew(number: number, atMs: number): void {
    this.#counters.set("renewed_number", number)
    this.#counters.set("renewed_at_ms", atMs)
  }

  /** Facts rarely change, so a renewal writes next to nothing. */
  updateFacts(row: PermitRow, facts: string): void {
    this.#sql.exec(
      `update permits set facts = ?
       where key_id = ? and workspace_id = ? and checked_at_ms = ?`,
      facts,
      row.key_id,
      row.workspace_id,
      row.checked_at_ms,
    )
  }

  /** Removes it unless the database gave it again since it was read. */
  remove(row: PermitRow): void {
    this.#sql.exec(
      "delete from permits where key_id = ? and workspace_id = ? and checked_at_ms = ?",
      row.key_id,
      row.workspace_id,
      row.checked_at_ms,
    )
    this.#count = this.#counted()
  }

  /** Removes those that no ping has used since an instant. */
  forget(usedBeforeMs: number): void {
    this.#sql.exec("delete from permits where used_at_ms < ?", usedBeforeMs)
    this.#count = this.#counted()
  }

  #counted(): number {
    return Number(this.#sql.exec("select count(*) as n from permits").one()["n"])
  }
}
