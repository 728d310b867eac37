// The hub's own SQLite: links, proofs in flight, listening ports and the last build change.
//
// The first insert creates the tables, so a hub that only answers questions stores nothing.

export type LinkRow = { agent_id: string; is_open: number; at_ms: number; is_written: number }

const tables = `
  create table if not exists links (
    agent_id text primary key, is_open integer not null, at_ms integer not null,
    is_written integer not null) without rowid;
  create table if not exists proofs (id integer primary key autoincrement);
  create table if not exists ports (agent_id text primary key, ports text not null) without rowid;
  create table if not exists build_change (
    id integer primary key check (id = 1), at_ms integer not null, is_reviewed integer not null);`

export class HubStorage {
  readonly #storage: DurableObjectStorage
  #hasTables: boolean

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    const found = storage.sql.exec("select 1 from sqlite_master where name = 'build_change'")
    this.#hasTables = found.toArray().length > 0
  }

  /** A new socket reports its ports again, and a closed one has none. */
  setLink(link: { agentId: string; isOpen: boolean; at: Date; isWritten: boolean }): void {
    const { agentId, isOpen, at, isWritten } = link
    const values = [agentId, Number(isOpen), at.getTime(), Number(isWritten)]
    this.#insert("insert or replace into links values (?, ?, ?, ?)", ...values)
    this.#change("delete from ports where agent_id = ?", agentId)
  }

  openLinks(): LinkRow[] {
    return this.#read("select * from links where is_open = 1")
  }

  unwritten(): LinkRow[] {
    return this.#read("select * from links where is_written = 0")
  }

  /** A link that has changed since it was read stays unwritten. A written loss is removed. */
  markWritten(rows: readonly LinkRow[]): void {
    const mark = "update links set is_written = 1 where agent_id = ? and is_open = ? and at_ms = ?"
    for (const { agent_id, is_open, at_ms } of rows) this.#change(mark, agent_id, is_open, at_ms)
    this.#change("delete from links where is_open = 0 and is_written = 1")
  }

  /** Records that the database is about to be asked for a link. Returns the proof's number. */
  beginProof(): number {
    const [row] = this.#insert<{ id: number }>("insert into proofs default values returning id")
    return row?.id ?? 0
  }

  endProofs(ids: readonly number[]): void {
    for (const id of ids) this.#change("delete from proofs where id = ?", id)
  }

  proofs(): number[] {
    return this.#read<{ id: number }>("select id from proofs").map(({ id }) => id)
  }

  /** The ports are JSON, of an agent whose link is open. */
  setPorts(agentId: string, ports: string): void {
    this.#insert("insert or replace into ports values (?, ?)", agentId, ports)
  }

  portsOf(agentId: string): string | null {
    const query = "select ports from ports where agent_id = ?"
    return this.#read<{ ports: string }>(query, agentId)[0]?.ports ?? null
  }

  setBuildChange(at: Date, isReviewed: boolean): void {
    const values = [at.getTime(), Number(isReviewed)]
    this.#insert("insert or replace into build_change values (1, ?, ?)", ...values)
  }

  /** When the hub was last notified of a build change. Null if that is long ago or never was. */
  buildChangedAtMs(): number | null {
    return this.#read<{ at_ms: number }>("select at_ms from build_change")[0]?.at_ms ?? null
  }

  isReviewPending(): boolean {
    return this.#read("select 1 from build_change where is_reviewed = 0").length > 0
  }

  /** A change later than `changedAtMs` still needs its review. */
  setReviewed(changedAtMs: number): void {
    this.#change("update build_change set is_reviewed = 1 where at_ms = ?", changedAtMs)
  }

  forgetBuildChange(): void {
    this.#change("delete from build_change where is_reviewed = 1")
  }

  /** Removes everything, including the alarm. What is written after this call is kept. */
  async clear(): Promise<void> {
    this.#hasTables = false
    await this.#storage.deleteAll()
  }

  #insert<Row extends Record<string, SqlStorageValue>>(
    query: string,
    ...values: SqlStorageValue[]
  ): Row[] {
    if (!this.#hasTables) this.#storage.sql.exec(tables)
    this.#hasTables = true
    return this.#storage.sql.exec<Row>(query, ...values).toArray()
  }

  #read<Row extends Record<string, SqlStorageValue>>(
    query: string,
    ...values: SqlStorageValue[]
  ): Row[] {
    return this.#hasTables ? this.#storage.sql.exec<Row>(query, ...values).toArray() : []
  }

  #change(query: string, ...values: SqlStorageValue[]): void {
    this.#read(query, ...values)
  }
}
