// The hub's own SQLite: which agents' sockets are open, and whether the database has been told.

export type LinkRow = { agent_id: string; is_open: number; at_ms: number; is_written: number }

export type HubStorage = ReturnType<typeof openHubStorage>

export function openHubStorage(sql: SqlStorage) {
  sql.exec(`create table if not exists links (
    agent_id text primary key, is_open integer not null, at_ms integer not null, is_written integer not null) without rowid`)
  return {
    setLink(agentId: string, isOpen: boolean, atMs: number): void {
      sql.exec("insert or replace into links values (?, ?, ?, 0)", agentId, Number(isOpen), atMs)
    },
    openLinks: () => sql.exec<LinkRow>("select * from links where is_open = 1").toArray(),
    unwritten: () => sql.exec<LinkRow>("select * from links where is_written = 0").toArray(),
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
  }
}
