// The board of a domain: its daemons wait at it over hibernating WebSockets, and a post wakes as many as there are jobs. Every 30 s it
// asks once whether jobs wait, which repairs a wake-up that was missed; while no daemon waits it asks nothing and sleeps.
import { DurableObject } from "cloudflare:workers"
import { platformClock, type Clock } from "../../clock.ts"
import { openDatabase } from "../../platform/db/client.ts"
import { messageOf, writeEvent } from "../../platform/event.ts"
import type { Domain } from "./domain.ts"
import { waitingJobs } from "./waiting-statement.ts"

/** What a socket remembers through hibernation. */
type Attachment = {
  daemonId: string
  /** Free places, as the daemon last said; null where it never does. */
  free: number | null
  /** Wake-ups since it said so: each is for one of those places, and the next word of the daemon says what came of it. */
  owed: number
  openedAtMs: number
  wokenAtMs: number
}

/** A daemon has one socket, or for a while the old one beside the new one: a wake-up goes over both, the newest speaks for it. */
type Waiting = { newest: Attachment; sockets: WebSocket[] }

const repairAfterMs = 30_000
const socketsMax = 10_000
/** After that long without a word of the daemon a wake-up keeps no place any more. */
const owedMsMax = 10_000
const frame = JSON.stringify({ type: "job" })

export class JobBoard extends DurableObject<Env> {
  protected clock: Clock = platformClock

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"))
  }

  /** Says which domain this is the board of, before the first daemon comes to it. Always the same, by the board's name. */
  async serve(domain: Domain): Promise<void> {
    if ((await this.ctx.storage.get("domain")) === undefined)
      await this.ctx.storage.put("domain", domain)
  }

  /** The upgrade of a daemon of the domain that the Worker has verified: `/listen/{daemon}`. 503 where no more have room. */
  override async fetch(request: Request): Promise<Response> {
    if (this.ctx.getWebSockets().length >= socketsMax) return new Response(null, { status: 503 })
    const daemonId = new URL(request.url).pathname.split("/").at(-1) ?? ""
    const { 0: client, 1: server } = new WebSocketPair()
    this.ctx.acceptWebSocket(server)
    const openedAtMs = platformClock().getTime()
    const attachment: Attachment = { daemonId, free: null, owed: 0, openedAtMs, wokenAtMs: 0 }
    server.serializeAttachment(attachment)
    await this.#armRepair()
    return new Response(null, { status: 101, webSocket: client })
  }

  /**
   * Wakes up to `count` daemons, those that waited longest since their last wake-up first. Returns how many woke: the rest is for another
   * board. One without a free place is left alone, since it asks by itself when it has one again.
   */
  post(count: number): number {
    return this.#wake(count)
  }

  /** `{"type": "free", "count": n}`: how many places the daemon has left. None keeps wake-ups away from it. */
  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (typeof message !== "string" || message.length > 256) return
    const said = parseFree(message)
    if (said !== null) socket.serializeAttachment({ ...attachmentOf(socket), free: said, owed: 0 })
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
    const atMs = this.clock().getTime()
    if (domain === undefined || !waiting.some((daemon) => hasPlace(daemon, atMs))) return
    const daemonIds = waiting.map(({ newest }) => newest.daemonId)
    const [row] = await openDatabase(this.env).all(waitingJobs(domain, daemonIds))
    if (row === undefined) return
    // A daemon that connects again comes to the board that it belongs to now; a revoked one is refused.
    const strays = new Set(row.stray_ids)
    for (const { newest, sockets } of this.#waiting()) {
      if (!strays.has(newest.daemonId)) continue
      for (const socket of sockets)
        socket.close(4000, "The daemon is not registered like this any more.")
    }
    this.#wake(row.waiting_count)
  }

  #wake(count: number): number {
    const atMs = this.clock().getTime()
    let woken = 0
    const able = this.#waiting().filter((daemon) => hasPlace(daemon, atMs))
    for (const { sockets } of able.toSorted(byTurn)) {
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

function hasPlace({ newest: { free, owed, wokenAtMs } }: Waiting, atMs: number): boolean {
  return free === null || free > (atMs - wokenAtMs < owedMsMax ? owed : 0)
}

const byTurn = (a: Waiting, b: Waiting) => a.newest.wokenAtMs - b.newest.wokenAtMs

const attachmentOf = (socket: WebSocket) => socket.deserializeAttachment() as Attachment

/** False where it closed under our hands. */
function wake(socket: WebSocket, atMs: number): boolean {
  try {
    socket.send(frame)
    const attachment = attachmentOf(socket)
    socket.serializeAttachment({ ...attachment, owed: attachment.owed + 1, wokenAtMs: atMs })
    return true
  } catch {
    return false
  }
}

function parseFree(message: string): number | null {
  try {
    const said = JSON.parse(message) as { type?: unknown; count?: unknown } | null
    return said?.type === "free" && typeof said.count === "number" ? said.count : null
  } catch {
    return null
  }
}
