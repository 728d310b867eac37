// What a shard must know of a watcher, and remembers of them while it sleeps.
import type { TopicKind } from "../http/publish.ts"

export type WatchState = {
  kind: TopicKind
  id: string
  /** The session that watches, and its user: looked at again each minute. */
  keyId: string
  userId: string
  /** The workspace that the watcher must be able to read; null where the thing is the user's own. */
  workspaceId: string | null
  /** The template whose active version shows in the thing. */
  templateId: string | null
  /** The query of an inbox watch. */
  inbox: InboxFilter | null
  /** What the watcher has seen last, in the topic's own words; null before anything. */
  cursor: string | null
}

export type InboxFilter = { targets: string[]; templates: string[]; readStatus: "all" | "read" | "unread" }

const header = "Dormouse-Watch"

/** The Worker's request to the object that holds the watchers. The Worker has proven the caller and the right to read. */
export function watchRequest(state: Omit<WatchState, "cursor">, isSocket: boolean): Request {
  return new Request("https://feed/watch", {
    headers: {
      [header]: JSON.stringify({ ...state, cursor: null }),
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
