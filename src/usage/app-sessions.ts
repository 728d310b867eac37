// Sessions with a workspace's applications, and the rows that are stored of them.
export const accessMethods = ["path", "subdomain", "terminal"] as const
export type AccessMethod = (typeof accessMethods)[number]

/** A session as last reported. `endedAtMs` is null while it is open. */
export type AppSession = {
  sessionId: string
  userId: string
  workspaceId: string
  agentId: string
  accessMethod: AccessMethod
  slugOrPort: string
  startedAtMs: number
  endedAtMs: number | null
  requests: number
}

/** One row of `workspace_app_stats`, named as its columns are. */
export type AppStat = {
  session_id: string
  user_id: string
  workspace_id: string
  agent_id: string
  access_method: AccessMethod
  slug_or_port: string
  session_started_at: string
  session_ended_at: string
  requests: number
}

export const windowMs = 60_000
/** An open session counts as ended after this time, with its last stored values. */
export const openMsMax = 86_400_000
const requestsMax = 2_147_483_647

/** `position` is its place in the order of arrival. */
export type KeptSession = AppSession & { position: number; isWritten: boolean }
/** A row, and the sessions that it covers. */
export type AppReport = { row: AppStat; sessions: KeptSession[] }

/**
 * The rows to write now, in the order in which their sessions arrived.
 *
 * Sessions that ended within a window share a row per minute, person, agent and application, under
 * the id of the first. The row is written again, with the sum, each time one is added. A longer
 * session has a row of its own; while it is open, that row is written again with now as its end. A
 * session that has been open for less than a window waits.
 */
export function toAppReports(sessions: readonly KeptSession[], nowMs: number): AppReport[] {
  const short = sessions.filter((session) => isShort(session))
  const groups = [...Map.groupBy(short, groupOf).values()].filter((group) =>
    group.some((session) => !session.isWritten),
  )
  const long = sessions.filter((session) => !isShort(session) && isDue(session, nowMs))
  return [
    ...groups.map((group) => ({ row: groupRow(group), sessions: group })),
    ...long.map((session) => ({ row: longRow(session, nowMs), sessions: [session] })),
  ]
}

/**
 * True if the session need not be kept any longer.
 *
 * That is a long session that is written, or a short one two windows after its own began.
 */
export function isDone(session: KeptSession, nowMs: number): boolean {
  if (session.endedAtMs === null) return nowMs - session.startedAtMs > openMsMax
  if (!session.isWritten) return false
  return !isShort(session) || nowMs >= windowOf(session) + 2 * windowMs
}

/** The instant of use that a row proves; never after now. */
export function usedAtMs(row: AppStat, nowMs: number): number {
  return Math.min(Date.parse(row.session_ended_at), nowMs)
}

function isShort({ startedAtMs, endedAtMs }: AppSession): boolean {
  return endedAtMs !== null && endedAtMs - startedAtMs <= windowMs
}

function isDue({ startedAtMs, endedAtMs, isWritten }: KeptSession, nowMs: number): boolean {
  return endedAtMs === null ? nowMs - startedAtMs > windowMs : !isWritten
}

const windowOf = ({ startedAtMs }: AppSession) => startedAtMs - (startedAtMs % windowMs)

const groupOf = (session: AppSession) =>
  [
    windowOf(session),
    session.userId,
    session.workspaceId,
    session.agentId,
    session.accessMethod,
    session.slugOrPort,
  ].join("\n")

function groupRow(group: readonly KeptSession[]): AppStat {
  const [first] = group as readonly [KeptSession]
  const startMs = windowOf(first)
  const requests = group.reduce((sum, session) => sum + session.requests, 0)
  return { ...rowOf(first, requests), ...span(startMs, startMs + windowMs) }
}

function longRow(session: KeptSession, nowMs: number): AppStat {
  const endMs = session.endedAtMs ?? Math.min(nowMs, session.startedAtMs + openMsMax)
  return { ...rowOf(session, session.requests), ...span(session.startedAtMs, endMs) }
}

function rowOf(session: AppSession, requests: number) {
  return {
    session_id: session.sessionId,
    user_id: session.userId,
    workspace_id: session.workspaceId,
    agent_id: session.agentId,
    access_method: session.accessMethod,
    slug_or_port: session.slugOrPort,
    requests: Math.min(requests, requestsMax),
  }
}

const span = (startMs: number, endMs: number) => ({
  session_started_at: new Date(startMs).toISOString(),
  session_ended_at: new Date(endMs).toISOString(),
})
