// The board of an organization: daemons wait at it over hibernating WebSockets, a posted job wakes one that may run it.
// Every 30 s it asks once which kinds of daemon have work waiting, which repairs a wake-up that was missed; while no daemon
// waits it asks nothing and sleeps.
import { DurableObject } from "cloudflare:workers"
import { platformClock, type Clock } from "../clock.ts"
import { connect, parseDatabaseUrl } from "../db/client.ts"
import { writeEvent } from "../http/event.ts"
import { daemonMayRun, type Tags } from "../jobs/tags.ts"
import { type Domain, waitingDomains } from "./waiting-statement.ts"

type PostedKind = { provisioner: string; tags: Tags; count: number }

/** What a socket remembers through hibernation. */
type Waiting = {
  daemonId: string
  organizationId: string
  provisioners: string[]
  tags: Record<string, string>
  /** Free places, as the daemon last said; null where it never does. */
  free: number | null
  wokenAtMs: number
}

const repairAfterMs = 30_000
const frame = JSON.stringify({ type: "job" })

export class JobBoard extends DurableObject<Env> {
  protected clock: Clock = platformClock

  /** The upgrade of a daemon that the Worker has verified; what it may run is in the headers. */
  override async fetch(request: Request): Promise<Response> {
    const waiting = JSON.parse(request.headers.get("Dormouse-Daemon") ?? "null") as Waiting
    const { 0: client, 1: server } = new WebSocketPair()
    this.ctx.acceptWebSocket(server, [waiting.daemonId])
    server.serializeAttachment({ ...waiting, free: null, wokenAtMs: 0 })
    await this.#armRepair()
    return new Response(null, { status: 101, webSocket: client })
  }

  /** Wakes a daemon for each posted job, those that waited longest since their last wake-up first. Returns how many woke. */
  async post(jobs: readonly PostedKind[]): Promise<number> {
    const atMs = this.clock().getTime()
    const woken = new Set<WebSocket>()
    for (const job of jobs) {
      const able = this.#waiting().filter(({ socket, state }) => !woken.has(socket) && mayRun(state, job))
      for (const { socket, state } of able.toSorted(byTurn).slice(0, job.count)) {
        woken.add(socket)
        this.#wake(socket, state, atMs)
      }
    }
    return woken.size
  }

  /** `{"type": "free", "count": n}` keeps wake-ups away from a daemon that has no place left. */
  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (typeof message !== "string" || message.length > 256) return
    const said = parseFree(message)
    if (said !== null) socket.serializeAttachment({ ...attachmentOf(socket), free: said })
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code)
  }

  override async alarm(): Promise<void> {
    const sockets = this.#waiting()
    const [first] = sockets
    if (first === undefined) return
    try {
      await this.#repair(first.state.organizationId, sockets)
    } catch (error) {
      writeEvent({
        event: "board_repair_failed",
        outcome: "error",
        error: error instanceof Error ? error.message : String(error),
      })
    }
    await this.#armRepair()
  }

  async #repair(
    organizationId: string,
    sockets: readonly { socket: WebSocket; state: Waiting }[],
  ): Promise<void> {
    const database = parseDatabaseUrl(this.env.DATABASE_URL)
    if (!database.ok) return
    const byDomain = Map.groupBy(sockets, ({ state }) => JSON.stringify([state.provisioners, state.tags]))
    const domains = [...byDomain.values()].map(([one]): Domain => ({
      provisioners: one?.state.provisioners ?? [],
      tags: one?.state.tags ?? {},
    }))
    const rows = await connect(database.url).all(waitingDomains(organizationId, domains))
    const groups = [...byDomain.values()]
    const atMs = this.clock().getTime()
    for (const { position, waiting_count } of rows) {
      const members = (groups[position] ?? []).toSorted(byTurn)
      for (const { socket, state } of members.slice(0, waiting_count)) this.#wake(socket, state, atMs)
    }
  }

  #wake(socket: WebSocket, state: Waiting, atMs: number): void {
    try {
      socket.send(frame)
      socket.serializeAttachment({ ...state, wokenAtMs: atMs })
    } catch {
      // It closed under our hands; the repair finds another.
    }
  }

  #waiting(): { socket: WebSocket; state: Waiting }[] {
    return this.ctx.getWebSockets().map((socket) => ({ socket, state: attachmentOf(socket) }))
  }

  async #armRepair(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null)
      await this.ctx.storage.setAlarm(platformClock().getTime() + repairAfterMs)
  }
}

/** Those that have a place left before those that have none; then who waited longest since the last wake-up. */
const byTurn = (a: { state: Waiting }, b: { state: Waiting }) =>
  Number(a.state.free === 0) - Number(b.state.free === 0) || a.state.wokenAtMs - b.state.wokenAtMs

const attachmentOf = (socket: WebSocket) => socket.deserializeAttachment() as Waiting

const mayRun = (state: Waiting, job: Pick<PostedKind, "provisioner" | "tags">) =>
  state.provisioners.includes(job.provisioner) && daemonMayRun(state.tags, job.tags)

function parseFree(message: string): number | null {
  try {
    const said = JSON.parse(message) as { type?: unknown; count?: unknown } | null
    return said?.type === "free" && typeof said.count === "number" ? said.count : null
  } catch {
    return null
  }
}
