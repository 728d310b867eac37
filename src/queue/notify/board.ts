// The board of a domain: a Durable Object at which the domain's idle daemons wait for jobs.
//
// Daemons wait over hibernating WebSockets, and a notification wakes as many as there are jobs.
// Every 30 s the board asks once whether jobs wait, which repairs a lost notification. Without a
// waiting daemon it asks nothing and hibernates.
import { DurableObject } from "cloudflare:workers"
import { platformClock, type Clock } from "../../clock.ts"
import { openDatabase } from "../../platform/db/client.ts"
import { messageOf, writeEvent } from "../../platform/event.ts"
import type { Domain } from "./domain.ts"
import { waitingJobs } from "./waiting-jobs.ts"

/** What a socket keeps through hibernation. */
type Attachment = {
  daemonId: string
  /** Free slots as the daemon reported them last; null if it never reports any. */
  free: number | null
  /** Hints sent since that report. Each reserves one of the free slots until the next report. */
  reserved: number
  openedAtMs: number
  wokenAtMs: number
}

/**
 * A daemon has one socket, or for a while an old one beside a new one. A hint is sent over both,
 * and the newest socket's attachment counts.
 */
type Waiting = { newest: Attachment; sockets: WebSocket[] }

const repairAfterMs = 30_000
const socketsMax = 10_000
/** A hint stops reserving a slot after this time without a report of the daemon. */
const reservedForMs = 10_000
const frame = JSON.stringify({ type: "job" })

export class JobBoard extends DurableObject<Env> {
  protected clock: Clock = platformClock

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"))
  }

  /**
   * Stores the board's domain before its first daemon connects. Each board's name has one domain.
   */
  async serve(domain: Domain): Promise<void> {
    if ((await this.ctx.storage.get("domain")) === undefined)
      await this.ctx.storage.put("domain", domain)
  }

  /**
   * Upgrades a daemon of the domain, which the Worker has authenticated: `/listen/{daemon}`.
   * Answers 503 when the board is full.
   */
  override async fetch(request: Request): Promise<Response> {
    if (this.ctx.getWebSockets().length >= socketsMax) return new Response(null, { status: 503 })
    const daemonId = new URL(request.url).pathname.split("/").at(-1) ?? ""
    const { 0: client, 1: server } = new WebSocketPair()
    this.ctx.acceptWebSocket(server)
    const openedAtMs = platformClock().getTime()
    const attachment: Attachment = { daemonId, free: null, reserved: 0, openedAtMs, wokenAtMs: 0 }
    server.serializeAttachment(attachment)
    await this.#armRepair()
    return new Response(null, { status: 101, webSocket: client })
  }

  /**
   * Wakes up to `count` daemons, those whose last wake-up is longest ago first. Returns how many it
   * woke, so that the caller can try another board for the rest. Skips a daemon without a free
   * slot: it acquires by itself once it has one.
   */
  notify(count: number): number {
    return this.#wake(count)
  }

  /** `{"type": "free", "count": n}`: the daemon's free slots. A daemon with 0 gets no hints. */
  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (typeof message !== "string" || message.length > 256) return
    const free = parseFree(message)
    if (free !== null) socket.serializeAttachment({ ...attachmentOf(socket), free, reserved: 0 })
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code)
  }

  override async alarm(): Promise<void> {
    if (this.#waiting().length === 0) return
    try {
      await this.#repair()
    } catch (error) {
      writeEvent({
        event: "board_repair_failed",
        outcome: "error",
        error: messageOf(error),
      })
    }
    await this.#armRepair()
  }

  async #repair(): Promise<void> {
    const domain = await this.ctx.storage.get<Domain>("domain")
    const waiting = this.#waiting()
    if (domain === undefined) return
    const daemonIds = waiting.map(({ newest }) => newest.daemonId)
    const [row] = await openDatabase(this.env).all(waitingJobs(domain, daemonIds))
    if (row === undefined) return
    // A daemon reconnects to the board of its new domain; one with a revoked key is rejected there.
    const strays = new Set(row.stray_ids)
    for (const { newest, sockets } of this.#waiting()) {
      if (!strays.has(newest.daemonId)) continue
      for (const socket of sockets)
        socket.close(4000, "The daemon is no longer registered like this.")
    }
    this.#wake(row.waiting_count)
  }

  #wake(count: number): number {
    const atMs = this.clock().getTime()
    let woken = 0
    const able = this.#waiting().filter((daemon) => hasFreeSlot(daemon, atMs))
    for (const { sockets } of able.toSorted(byLastWake)) {
      if (woken >= count) break
      if (sockets.map((socket) => wake(socket, atMs)).includes(true)) woken += 1
    }
    return woken
  }

  #waiting(): Waiting[] {
    const daemons = new Map<string, Waiting>()
    for (const socket of this.ctx.getWebSockets()) {
      if (socket.readyState !== WebSocket.OPEN) continue
      const attachment = attachmentOf(socket)
      const known = daemons.get(attachment.daemonId)
      if (known === undefined) {
        daemons.set(attachment.daemonId, { newest: attachment, sockets: [socket] })
        continue
      }
      known.sockets.push(socket)
      if (attachment.openedAtMs > known.newest.openedAtMs) known.newest = attachment
    }
    return [...daemons.values()]
  }

  async #armRepair(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null)
      await this.ctx.storage.setAlarm(platformClock().getTime() + repairAfterMs)
  }
}

function hasFreeSlot({ newest: { free, reserved, wokenAtMs } }: Waiting, atMs: number): boolean {
  return free === null || free > (atMs - wokenAtMs < reservedForMs ? reserved : 0)
}

const byLastWake = (a: Waiting, b: Waiting) => a.newest.wokenAtMs - b.newest.wokenAtMs

const attachmentOf = (socket: WebSocket) => socket.deserializeAttachment() as Attachment

/** Returns false if the socket closed before the hint could be sent. */
function wake(socket: WebSocket, atMs: number): boolean {
  try {
    socket.send(frame)
    const attachment = attachmentOf(socket)
    socket.serializeAttachment({
      ...attachment,
      reserved: attachment.reserved + 1,
      wokenAtMs: atMs,
    })
    return true
  } catch {
    return false
  }
}

function parseFree(message: string): number | null {
  try {
    const parsed = JSON.parse(message) as { type?: unknown; count?: unknown } | null
    return parsed?.type === "free" && typeof parsed.count === "number" ? parsed.count : null
  } catch {
    return null
  }
}
