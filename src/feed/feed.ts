// A shard of the watchers. Sockets sleep until something that they watch is published; then one reading a second serves them all.
// Each minute it looks at everything again, so that a lost hint, an agent that fell silent and a right that ended are noticed.
import { DurableObject } from "cloudflare:workers"
import { platformClock, type Clock } from "../clock.ts"
import { messageOf, writeEvent } from "../platform/event.ts"
import type { TopicKind } from "../platform/durable/publish.ts"
import { closes } from "./frames.ts"
import { findUnentitled } from "./rights.ts"
import { openDatabase } from "../platform/db/client.ts"
import { showTopics } from "./topics.ts"
import { eventStreamWatcher, socketWatcher, type Watcher } from "./watchers.ts"
import { agentLogsKey, readWatchRequest, topicKey } from "../platform/durable/watch.ts"

/** Between two readings. */
const readIntervalMs = 1_000
/** Frames that leave with the handshake's answer are lost on clients that listen only after it. */
const firstFrameDelayMs = 25
/** A right that ended closes its watchers within the minute, reading included. */
export const reviewIntervalMs = 45_000
const reviewRetryMs = 10_000
/** Of server-sent events: their readers expect an agent's metadata at each, and a ping at every third. */
const beatIntervalMs = 5_000
const beatsPerPing = 3
export const watchersMax = 10_000
const topicsPerReadingMax = 500
/** Readings that fail one after the other before it is left to the next review. */
const failuresMax = 3

export class WorkspaceFeed extends DurableObject<Env> {
  protected clock: Clock = platformClock
  readonly #streams = new Set<Watcher>()
  readonly #due = new Set<string>()
  #isReading = false
  #readAtMs = 0
  #beats: ReturnType<typeof setInterval> | null = null
  #beatCount = 0

  /** A new watcher, whom the Worker has checked. The answer is the socket, or the open response. */
  override async fetch(request: Request): Promise<Response> {
    const state = readWatchRequest(request)
    const isFull = this.ctx.getWebSockets().length + this.#streams.size >= watchersMax
    await this.#armReview()
    if (request.headers.get("Upgrade") === "websocket") {
      const { 0: client, 1: server } = new WebSocketPair()
      const tags = [topicKey(state)]
      if (state.kind === "agent-log" && state.workspaceId !== null)
        tags.push(agentLogsKey(state.workspaceId))
      this.ctx.acceptWebSocket(server, tags)
      server.serializeAttachment(state)
      if (isFull) server.close(closes.full.code, closes.full.reason)
      else this.#readSoon([topicKey(state)])
      return new Response(null, { status: 101, webSocket: client })
    }
    if (isFull) return new Response(null, { status: 503, headers: { "Retry-After": "5" } })
    const { watcher, body } = eventStreamWatcher(state, (gone) => this.#forgetStream(gone))
    this.#streams.add(watcher)
    this.#beats ??= setInterval(() => this.#beat(), beatIntervalMs)
    this.#readSoon([topicKey(state)])
    return new Response(body)
  }

  /** A hint that these things changed; what nobody watches is forgotten. */
  async publish(kind: TopicKind, ids: readonly string[]): Promise<void> {
    const keys = ids.map((id) => topicKey({ kind, id }))
    this.#readSoon(keys.filter((key) => this.#watchersOf(key).length > 0))
    if (kind === "workspace") this.#readSoon(ids.flatMap((id) => this.#logsOf(id)))
  }

  /** A hint that a template's active version changed. */
  async publishTemplate(templateId: string): Promise<void> {
    const states = this.#watchers().map((watcher) => watcher.state())
    this.#readSoon(states.filter((state) => state.templateId === templateId).map(topicKey))
  }

  override webSocketMessage(socket: WebSocket): void {
    socket.close(closes.clientSpoke.code, closes.clientSpoke.reason)
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    // 1005 and 1006 say that no code came; they may not be sent.
    socket.close(code === 1005 || code === 1006 ? closes.done.code : code)
  }

  override webSocketError(socket: WebSocket): void {
    socket.close(closes.failed.code, closes.failed.reason)
  }

  /** The review: rights first, then everything that is watched. Never throws, so that the next one is always set. */
  override async alarm(): Promise<void> {
    const watchers = this.#watchers()
    if (watchers.length === 0) return
    let nextMs = reviewIntervalMs
    try {
      const unentitled = await findUnentitled(openDatabase(this.env), watchers, this.clock())
      for (const watcher of unentitled) watcher.end(closes.notAllowed)
    } catch (error) {
      nextMs = reviewRetryMs
      this.#report("feed_review", error)
    }
    this.#readSoon(this.#watchers().map((watcher) => topicKey(watcher.state())))
    await this.ctx.storage.setAlarm(platformClock().getTime() + nextMs)
  }

  async #armReview(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) !== null) return
    await this.ctx.storage.setAlarm(platformClock().getTime() + reviewIntervalMs)
  }

  #watchers(): Watcher[] {
    return [...openSockets(this.ctx.getWebSockets()), ...this.#streams]
  }

  /** By the socket's tag: what a tick publishes is mostly watched by nobody, and must not wake every watcher's memory. */
  #watchersOf(key: string): Watcher[] {
    const streams = [...this.#streams].filter((stream) => topicKey(stream.state()) === key)
    return [...openSockets(this.ctx.getWebSockets(key)), ...streams]
  }

  /** The logs of a workspace's agents that are followed: a newer build ends them. */
  #logsOf(workspaceId: string): string[] {
    const followers = openSockets(this.ctx.getWebSockets(agentLogsKey(workspaceId)))
    return followers.map((follower) => topicKey(follower.state()))
  }

  #beat(): void {
    this.#beatCount += 1
    if (this.#beatCount % beatsPerPing === 0) {
      for (const stream of this.#streams) stream.send({ type: "ping" })
    }
    const states = [...this.#streams].map((stream) => stream.state())
    this.#readSoon(states.filter(({ kind }) => kind === "agent-metadata").map(topicKey))
  }

  #forgetStream(watcher: Watcher): void {
    this.#streams.delete(watcher)
    if (this.#streams.size > 0 || this.#beats === null) return
    clearInterval(this.#beats)
    this.#beats = null
  }

  #readSoon(keys: readonly string[]): void {
    for (const key of keys) this.#due.add(key)
    if (this.#due.size > 0 && !this.#isReading) this.ctx.waitUntil(this.#readDue())
  }

  /** One reading at a time, at most one a second; what is published meanwhile goes into the next. */
  async #readDue(): Promise<void> {
    this.#isReading = true
    let failures = 0
    try {
      while (this.#due.size > 0 && failures < failuresMax) {
        const waitMs = this.#readAtMs + readIntervalMs - platformClock().getTime()
        await scheduler.wait(Math.max(firstFrameDelayMs, waitMs))
        const keys = [...this.#due].slice(0, topicsPerReadingMax)
        for (const key of keys) this.#due.delete(key)
        this.#readAtMs = platformClock().getTime()
        try {
          await this.#show(keys)
          failures = 0
        } catch (error) {
          failures += 1
          for (const key of keys) this.#due.add(key)
          this.#report("feed_reading", error)
        }
      }
    } finally {
      this.#isReading = false
      if (failures >= failuresMax) this.#due.clear()
    }
  }

  async #show(keys: readonly string[]): Promise<void> {
    const watching = keys.flatMap((key) => this.#watchersOf(key))
    if (watching.length === 0) return
    await showTopics(
      this.env,
      Map.groupBy(watching, (watcher) => watcher.state().kind),
      this.clock(),
    )
  }

  #report(event: string, error: unknown): void {
    writeEvent({
      event,
      outcome: "error",
      error: messageOf(error),
      watchers: this.#watchers().length,
    })
  }
}

function openSockets(sockets: WebSocket[]): Watcher[] {
  return sockets.filter((socket) => socket.readyState === WebSocket.OPEN).map(socketWatcher)
}
