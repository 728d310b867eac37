// Hands a watcher to the object that holds all watchers of a thing.
//
// The state below is what that object knows of a watcher, and remembers while it hibernates.
import type { Context } from "hono"
import type { AppEnv } from "../http/env.ts"
import { ApiError } from "../http/errors.ts"
import { eventStream } from "../http/event-stream.ts"
import { closeSocket, sendTo } from "./object.ts"
import { feedName, type TopicKind } from "./publish.ts"

export type WatchState = {
  kind: TopicKind
  id: string
  /** The session that watches, and its user. Both are checked again each minute. */
  keyId: string
  userId: string
  /** The workspace that the watcher must be able to read; null if the thing is the user's own. */
  workspaceId: string | null
  /** The template whose active version shows in the thing. */
  templateId: string | null
  /** The query of an inbox watch. */
  inbox: InboxFilter | null
  /** How far the watcher has read, in a form of the topic's own; null before its first frame. */
  cursor: string | null
}

/** A new watcher. A log may begin after a line that the watcher knows already. */
export type NewWatch = Omit<WatchState, "cursor"> & { cursor?: string }

export type InboxFilter = {
  targets: string[]
  templates: string[]
  readStatus: "all" | "read" | "unread"
}

const header = "Dormouse-Watch"

/** The Worker's request to the object. The Worker has proven the caller and the right to read. */
function watchRequest(watch: NewWatch, isSocket: boolean): Request {
  return new Request("https://feed/watch", {
    headers: {
      [header]: JSON.stringify({ ...watch, cursor: watch.cursor ?? null }),
      ...(isSocket && { Upgrade: "websocket" }),
    },
  })
}

export function readWatchRequest(request: Request): WatchState {
  return JSON.parse(request.headers.get(header) ?? "null") as WatchState
}

/** The tag of the sockets that watch one thing. */
export function topicKey({ kind, id }: { kind: TopicKind; id: string }): string {
  return `${kind}:${id}`
}

/** A second tag of the sockets that follow an agent's log: the workspace's builds end them. */
export function agentLogsKey(workspaceId: string): string {
  return `agent-logs-of:${workspaceId}`
}

export function requireUpgrade(c: Context<AppEnv>): void {
  if (c.req.header("Upgrade")?.toLowerCase() === "websocket") return
  throw new ApiError(426, "This endpoint is a WebSocket.", {}, { Upgrade: "websocket" })
}

/** The answer to the handshake. The caller has been proven and may read the thing. */
export function openSocket(c: Context<AppEnv>, watch: NewWatch): Promise<Response> {
  return feedOf(c.env, watch).fetch(watchRequest(watch, true))
}

/**
 * The answer to the handshake of a log's follower. The Worker holds the client's socket and passes
 * the object's frames on.
 *
 * A socket that an object accepts to hibernate ends 10 s after its close frame; one that the Worker
 * accepts ends at once. A log has an end, and its followers wait for exactly that.
 */
export async function openFollow(c: Context<AppEnv>, watch: NewWatch): Promise<Response> {
  const { webSocket: source } = await openSocket(c, watch)
  if (source === null) throw new ApiError(503, "The log cannot be followed. Please try again.")
  const { 0: client, 1: server } = new WebSocketPair()
  passOn(source, server)
  passOn(server, source)
  source.accept()
  server.accept()
  return new Response(null, { status: 101, webSocket: client })
}

/** A side that is lost without a code closes the other with one after which clients reconnect. */
function passOn(from: WebSocket, to: WebSocket): void {
  const lost = () => closeSocket(to, 1011, "The stream failed; connect again.")
  from.addEventListener("message", ({ data }) => sendTo(to, data))
  from.addEventListener("close", ({ code, reason }) => {
    if (code === 1005 || code === 1006) lost()
    else closeSocket(to, code, reason)
  })
  from.addEventListener("error", lost)
}

/** The open response of server-sent events. The caller has been proven and may read the thing. */
export async function openEvents(c: Context<AppEnv>, watch: NewWatch): Promise<Response> {
  const answer = await feedOf(c.env, watch).fetch(watchRequest(watch, false))
  if (!answer.ok) {
    const message = "Too many watchers. Please try again in a moment."
    throw new ApiError(503, message, {}, { "Retry-After": "5" })
  }
  return eventStream(answer.body)
}

/** An agent's watchers are held with its workspace, whose builds end them. */
function feedOf(env: Env, { kind, id, workspaceId }: NewWatch) {
  const isOfAgent = kind.startsWith("agent-")
  return env.WORKSPACE_FEED.getByName(
    feedName(isOfAgent && workspaceId !== null ? workspaceId : id),
  )
}
