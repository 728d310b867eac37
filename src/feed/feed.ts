// A shard of the watchers: one reading a second at most serves all of them.
//
// Sockets hibernate until something that they watch is published. Each minute a review reads
// everything again: it notices lost hints, silent agents and rights that have ended.
import { DurableObject } from "cloudflare:workers"
import { reviewIntervalMs, reviewRetryMs } from "../access/watch-as.ts"
import { platformClock, type Clock } from "../clock.ts"
import { openDatabase } from "../platform/db/client.ts"
import { acceptSocket, armAlarm, isOpen, replyToClose } from "../platform/durable/object.ts"
import { messageOf, writeEvent } from "../platform/event.ts"
import type { TopicKind } from "../platform/durable/publish.ts"
import { closes } from "./frames.ts"
import { findUnentitled } from "./rights.ts"
import { showTopics } from "./topics.ts"
import { eventStreamWatcher, socketWatcher, type Watcher } from "./watchers.ts"
import {
  agentLogsKey,
  readWatchRequest,
  topicKey,
  type WatchState,
} from "../platform/durable/watch.ts"

/** The least time between two readings. */
const readIntervalMs = 1_000
/** A client that listens only after the handshake would lose frames sent together with it. */
const firstFrameDelayMs = 25
/** Event streams receive an agent's metadata at each beat, and a ping at every third. */
const beatIntervalMs = 5_000
const beatsPerPing = 3
const watchersMax = 10_000
/** One session must not take the places of all others. */
const watchersPerSessionMax = 50
const topicsPerReadingMax = 500
/** After this many failed readings in a row the next review takes over. */
const failuresMax = 3

export class WorkspaceFeed extends DurableObject<Env> {
  protected clock: Clock = platformClock
  readonly #streams = new Set<Watcher>()
  readonly #due = new Set<string>()
  #reading: Promise<void> | null = null
  #readAtMs = 0
  #beats: ReturnType<typeof setInterval> | null = null
  #beatCount = 0

  /** Takes a watcher that the Worker has authorized. Answers with its socket or event stream. */
  override async fetch(request: Request): Promise<Response> {
    const state = readWatchRequest(request)
    const isFull = this.#isFull(state)
    await armAlarm(this.ctx.storage, reviewIntervalMs)
    if (request.headers.get("Upgrade") === "websocket") {
      const { socket, answer } = acceptSocket(this.ctx, state, tagsOf(state))
      if (isFull) socketWatcher(socket).end(closes.full)
      else this.#readSoon([topicKey(state)])
      return answer
    }
    if (isFull) return new Response(null, { status: 503, headers: { "Retry-After": "5" } })
    const { watcher, body } = eventStreamWatcher(state, (gone) => this.#forgetStream(gone))
    this.#streams.add(watcher)
    this.#beats ??= setInterval(() => this.#beat(), beatIntervalMs)
    this.#readSoon([topicKey(state)])
    return new Response(body)
  }

  #isFull({ keyId }: WatchState): boolean {
    const streams = [...this.#streams].filter((stream) => stream.state().keyId === keyId).length
    const ofSession = this.ctx.getWebSockets(sessionTag(keyId)).length + streams
    const all = this.ctx.getWebSockets().length + this.#streams.size
    return all >= watchersMax || ofSession >= watchersPerSessionMax
  }

  /** These things changed. Ignores what nobody watches. */
  async publish(kind: TopicKind, ids: readonly string[]): Promise<void> {
    const keys = ids.map((id) => topicKey({ kind, id }))
    this.#readSoon(keys.filter((key) => this.#watchersOf(key).length > 0))
    if (kind === "workspace") this.#readSoon(ids.flatMap((id) => this.#logsOf(id)))
  }

  /** A template's active version changed. */
  async publishTemplate(templateId: string): Promise<void> {
    const states = this.#watchers().map((watcher) => watcher.state())
    this.#readSoon(states.filter((state) => state.templateId === templateId).map(topicKey))
  }

  /** Resolves when no reading is in flight or due, so that a test need not sleep. */
  async settled(): Promise<void> {
    while (this.#reading !== null) await this.#reading
  }

  override webSocketMessage(socket: WebSocket): void {
    socketWatcher(socket).end(closes.clientSpoke)
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    replyToClose(socket, code)
  }

  override webSocketError(socket: WebSocket): void {
    socketWatcher(socket).end(closes.failed)
  }

  /** The review: rights, then everything watched. Never throws, so it always arms the next one. */
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
    await armAlarm(this.ctx.storage, nextMs)
  }

  #watchers(): Watcher[] {
    return [...openSockets(this.ctx.getWebSockets()), ...this.#streams]
  }

  /** Finds sockets by tag, without a scan: a tick publishes much that nobody watches. */
  #watchersOf(key: string): Watcher[] {
    const streams = [...this.#streams].filter((stream) => topicKey(stream.state()) === key)
    return [...openSockets(this.ctx.getWebSockets(key)), ...streams]
  }

  /** The followed logs of a workspace's agents: a newer build ends them. */
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
    if (this.#due.size === 0 || this.#reading !== null) return
    this.#reading = this.#readDue()
    this.ctx.waitUntil(this.#reading)
  }

  /** One reading at a time, at most one a second. Hints during a reading wait for the next one. */
  async #readDue(): Promise<void> {
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
      this.#reading = null
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
    const watchers = this.#watchers().length
    writeEvent({ event, outcome: "error", error: messageOf(error), watchers })
  }
}

function openSockets(sockets: WebSocket[]): Watcher[] {
  return sockets.filter(isOpen).map(socketWatcher)
}

function tagsOf(state: WatchState): string[] {
  const isAgentLog = state.kind === "agent-log" && state.workspaceId !== null
  const logsTag = isAgentLog ? [agentLogsKey(state.workspaceId ?? "")] : []
  return [topicKey(state), sessionTag(state.keyId), ...logsTag]
}

const sessionTag = (keyId: string) => `session:${keyId}`
