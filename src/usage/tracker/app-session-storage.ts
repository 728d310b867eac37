// The tracker's application sessions in its own SQLite. Each function is atomic, as all of the tracker's storage is.
import type { AppSession, KeptSession } from "../app-sessions.ts"

/** Sessions kept in a shard; the oldest give way. */
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

export type AppSessionStorage = ReturnType<typeof openAppSessionStorage>

export function openAppSessionStorage(sql: SqlStorage) {
  sql.exec(`
    create table if not exists app_sessions (
      position integer primary key autoincrement, session_id text not null, user_id text not null, workspace_id text not null,
      agent_id text not null, access_method text not null, slug_or_port text not null, started_at_ms integer not null,
      ended_at_ms integer, requests integer not null, is_written integer not null default 0,
      unique (user_id, agent_id, session_id)
    )`)
  const count = (where: string) =>
    Number(sql.exec(`select count(*) as n from app_sessions where ${where}`).one()["n"])
  // Counted when the object wakes and after a flush, not at each report.
  const counts = { all: count("true") }

  return {
    /** A report again changes nothing, a later one only lets it grow. Returns how many of the oldest had to give way. */
    put(session: AppSession): number {
      const { rowsWritten } = sql.exec(
        `insert into app_sessions (session_id, user_id, workspace_id, agent_id, access_method, slug_or_port, started_at_ms, ended_at_ms,
           requests)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?)
         on conflict (user_id, agent_id, session_id) do update set
           ended_at_ms = max(ifnull(ended_at_ms, excluded.ended_at_ms), ifnull(excluded.ended_at_ms, ended_at_ms)),
           requests = max(requests, excluded.requests), is_written = 0
         where excluded.requests > requests or ifnull(excluded.ended_at_ms, 0) > ifnull(ended_at_ms, 0)`,
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
      counts.all += 1
      if (counts.all <= sessionRowsMax) return 0
      counts.all = count("true")
      const excess = counts.all - sessionRowsMax
      if (excess <= 0) return 0
      sql.exec(
        "delete from app_sessions where position in (select position from app_sessions order by position limit ?)",
        excess,
      )
      counts.all = sessionRowsMax
      return excess
    },
    read: (): KeptSession[] =>
      counts.all === 0
        ? []
        : sql
            .exec<SessionRow>("select * from app_sessions order by position")
            .toArray()
            .map(toKept),
    /** What was written as it was read is marked; what has grown meanwhile is written again. */
    markWritten(sessions: readonly KeptSession[]): void {
      for (const { position, requests, endedAtMs } of sessions) {
        sql.exec(
          "update app_sessions set is_written = 1 where position = ? and requests = ? and ended_at_ms is ?",
          position,
          requests,
          endedAtMs,
        )
      }
    },
    forget(sessions: readonly KeptSession[]): void {
      for (const { position } of sessions)
        sql.exec("delete from app_sessions where position = ?", position)
      if (sessions.length > 0) counts.all = count("true")
    },
    /** Those that a coming flush has to write. */
    waiting: (): number => (counts.all === 0 ? 0 : count("is_written = 0 or ended_at_ms is null")),
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
