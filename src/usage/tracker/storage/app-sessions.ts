// The tracker's application sessions in its own SQLite. Each function is atomic, as all of the
// tracker's storage is.
import type { AppSession, KeptSession } from "../../app-sessions.ts"

/** The most sessions of a shard. The oldest are dropped. */
export const sessionRowsMax = 20_000

type SessionRow = {
  position: number
  session_id: string
  user_id: string
  workspace_id: string
  agent_id: string
  access_method: AppSession["accessMethod"]
  slug_or_port: string
  started_at_ms: number
  ended_at_ms: number | null
  requests: number
  is_written: number
}

export class AppSessionStorage {
  readonly #sql: SqlStorage
  /** Counted when the object starts and after a flush, not at each report. */
  #count: number

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`create table if not exists app_sessions (
      position integer primary key autoincrement, session_id text not null, user_id text not null,
      workspace_id text not null, agent_id text not null, access_method text not null,
      slug_or_port text not null, started_at_ms integer not null, ended_at_ms integer,
      requests integer not null, is_written integer not null default 0,
      unique (user_id, agent_id, session_id))`)
    this.#count = this.#counted("true")
  }

  /**
   * Stores a report. The same report changes nothing; a later one only lets the session grow.
   *
   * Returns how many of the oldest were dropped for it.
   */
  put(session: AppSession): number {
    const { rowsWritten } = this.#sql.exec(
      `insert into app_sessions (session_id, user_id, workspace_id, agent_id, access_method,
         slug_or_port, started_at_ms, ended_at_ms, requests)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?)
       on conflict (user_id, agent_id, session_id) do update set
         ended_at_ms = max(ifnull(ended_at_ms, excluded.ended_at_ms),
           ifnull(excluded.ended_at_ms, ended_at_ms)),
         requests = max(requests, excluded.requests), is_written = 0
       where excluded.requests > requests
         or ifnull(excluded.ended_at_ms, 0) > ifnull(ended_at_ms, 0)`,
      session.sessionId,
      session.userId,
      session.workspaceId,
      session.agentId,
      session.accessMethod,
      session.slugOrPort,
      session.startedAtMs,
      session.endedAtMs,
      session.requests,
    )
    if (rowsWritten === 0) return 0
    this.#count += 1
    if (this.#count <= sessionRowsMax) return 0
    this.#count = this.#counted("true")
    const excess = this.#count - sessionRowsMax
    if (excess <= 0) return 0
    this.#sql.exec(
      `delete from app_sessions where position in
         (select position from app_sessions order by position limit ?)`,
      excess,
    )
    this.#count = sessionRowsMax
    return excess
  }

  read(): KeptSession[] {
    if (this.#count === 0) return []
    return this.#sql
      .exec<SessionRow>("select * from app_sessions order by position")
      .toArray()
      .map(toKept)
  }

  /** Notes what was written. A session that has grown since it was read is written again. */
  markWritten(sessions: readonly KeptSession[]): void {
    for (const { position, requests, endedAtMs } of sessions) {
      this.#sql.exec(
        `update app_sessions set is_written = 1
         where position = ? and requests = ? and ended_at_ms is ?`,
        position,
        requests,
        endedAtMs,
      )
    }
  }

  forget(sessions: readonly KeptSession[]): void {
    for (const { position } of sessions)
      this.#sql.exec("delete from app_sessions where position = ?", position)
    if (sessions.length > 0) this.#count = this.#counted("true")
  }

  /** How many sessions a coming flush has to write. */
  waiting(): number {
    return this.#count === 0 ? 0 : this.#counted("is_written = 0 or ended_at_ms is null")
  }

  #counted(where: string): number {
    return Number(
      this.#sql.exec(`select count(*) as n from app_sessions where ${where}`).one()["n"],
    )
  }
}

function toKept(row: SessionRow): KeptSession {
  return {
    position: row.position,
    sessionId: row.session_id,
    userId: row.user_id,
    workspaceId: row.workspace_id,
    agentId: row.agent_id,
    accessMethod: row.access_method,
    slugOrPort: row.slug_or_port,
    startedAtMs: row.started_at_ms,
    endedAtMs: row.ended_at_ms,
    requests: row.requests,
    isWritten: row.is_written === 1,
  }
}
