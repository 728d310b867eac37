// The hub's own SQLite: which agents' sockets are open and whether the database has been told, which proofs are under way, the ports
// that agents listen on, and when the workspace's builds last changed. Its tables are made when there is something to keep: whoever only asks leaves nothing.

export type LinkRow = { agent_id: string; is_open: number; at_ms: number; is_written: number }

export type HubStorage = ReturnType<typeof openHubStorage>

export function openHubStorage(storage: DurableObjectStorage) {
  const { sql } = storage
  let isMade = sql.exec("select 1 from sqlite_master where name = 'ports'").toArray().length > 0

  function make(): void {
    if (isMade) return
    sql.exec(`
      create table if not exists links (
        agent_id text primary key, is_open integer not null, at_ms integer not null, is_written integer not null) without rowid;
      create table if not exists proofs (id integer primary key autoincrement);
      create table if not exists ports (agent_id text primary key, ports text not null) without rowid;
      create table if not exists told (id integer primary key check (id = 1), at_ms integer not null, is_reviewed integer not null);
    `)
    isMade = true
  }
  const read = <Row extends Record<string, SqlStorageValue>>(query: string): Row[] =>
    isMade ? sql.exec<Row>(query).toArray() : []

  return {
    setLink(link: { agentId: string; isOpen: boolean; at: Date; isWritten: boolean }): void {
      make()
      const { agentId, isOpen, at, isWritten } = link
      sql.exec(
        "insert or replace into links values (?, ?, ?, ?)",
        agentId,
        Number(isOpen),
        at.getTime(),
        Number(isWritten),
      )
      // A new socket tells them anew, and without one there are none to reach.
      sql.exec("delete from ports where agent_id = ?", agentId)
    },
    /** JSON, of an agent whose link is open. */
    setPorts(agentId: string, ports: string): void {
      make()
      sql.exec("insert or replace into ports values (?, ?)", agentId, ports)
    },
    portsOf(agentId: string): string | null {
      if (!isMade) return null
      const [row] = sql
        .exec<{ ports: string }>("select ports from ports where agent_id = ?", agentId)
        .toArray()
      return row?.ports ?? null
    },
    openLinks: () => read<LinkRow>("select * from links where is_open = 1"),
    unwritten: () => read<LinkRow>("select * from links where is_written = 0"),
    /** A link that changed since it was read stays unwritten; a closed one that was written is forgotten. */
    markWritten(rows: readonly LinkRow[]): void {
      for (const row of rows) {
        sql.exec(
          "update links set is_written = 1 where agent_id = ? and is_open = ? and at_ms = ?",
          row.agent_id,
          row.is_open,
          row.at_ms,
        )
      }
      sql.exec("delete from links where is_open = 0 and is_written = 1")
    },
    /** Notes that the database is about to be asked for a link. Returns the proof's number. */
    beginProof(): number {
      make()
      return sql.exec<{ id: number }>("insert into proofs default values returning id").one().id
    },
    endProofs(ids: readonly number[]): void {
      for (const id of ids) sql.exec("delete from proofs where id = ?", id)
    },
    proofs: () => read<{ id: number }>("select id from proofs").map(({ id }) => id),
    setTold(at: Date, isReviewed: boolean): void {
      make()
      sql.exec("insert or replace into told values (1, ?, ?)", at.getTime(), Number(isReviewed))
    },
    isReviewOwed: () => read("select 1 from told where is_reviewed = 0").length > 0,
    /** A change that came after this instant is still to be reviewed. */
    setReviewed(toldAtMs: number): void {
      sql.exec("update told set is_reviewed = 1 where at_ms = ?", toldAtMs)
    },
    /** When the hub was last told of a build; null where that is forgotten or has never been. */
    toldAtMs: () => read<{ at_ms: number }>("select at_ms from told")[0]?.at_ms ?? null,
    forgetTold(): void {
      if (isMade) sql.exec("delete from told where is_reviewed = 1")
    },
    /** Removes all, the alarm with it. Nothing is lost that is written from here on. */
    async clear(): Promise<void> {
      isMade = false
      await storage.deleteAll()
    },
  }
}
