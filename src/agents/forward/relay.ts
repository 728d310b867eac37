// The relay of one forwarding session: passes frames between the command and the agent.
//
// It buffers nothing once both sides are connected: the windows of the streams bound the bytes in
// flight, and a side that ignores them is closed.
import { DurableObject } from "cloudflare:workers"
import { reviewIntervalMs, reviewRetryMs, watchAs } from "../../access/watch-as.ts"
import { platformClock, type Clock } from "../../clock.ts"
import { openDatabase } from "../../platform/db/client.ts"
import { closeSocket } from "../../platform/durable/object.ts"
import { messageOf, writeEvent } from "../../platform/event.ts"
import { agentReach } from "../people/statements.ts"
import {
  decodeFrame,
  encodeFrame,
  frameTypes,
  numberIn,
  streamCountMax,
  windowBytes,
  type Frame,
} from "./frames.ts"

type Side = "client" | "agent"
const otherSide: Record<Side, Side> = { client: "agent", agent: "client" }

/** Both sides send `ping` each 5 s. A side that is silent for this long is gone. */
const silentMsMax = 20_000
const checkMs = 5_000
/** How long one side waits for the other. Measured as elapsed time, on no clock. */
const waitMsMax = 30_000
/** Bytes of frames that may arrive before the other side connects. */
const waitingBytesMax = 1_048_576

/** `inFlight` counts, for each stream, the bytes that the other side has not yet acknowledged. */
type End = { socket: WebSocket; agentId: string; activeAtMs: number; inFlight: Map<number, number> }

export class PortRelay extends DurableObject<Env> {
  protected clock: Clock = platformClock
  readonly #ends = new Map<Side, End>()
  #waiting: Uint8Array[] = []
  #openedAtMs = 0
  /** The session that forwards; known once the client has connected. */
  #keyId: string | null = null
  #nextReviewAtMs = 0
  #timer: ReturnType<typeof setInterval> | null = null

  /** Takes handshakes that the Worker has authorized: `/client/{agent}/{key}`, `/agent/{agent}`. */
  override async fetch(request: Request): Promise<Response> {
    const [, kind = "", agentId = "", keyId] = new URL(request.url).pathname.split("/")
    const side: Side = kind === "agent" ? "agent" : "client"
    const other = this.#ends.get(otherSide[side])
    if (this.#ends.has(side) || (other !== undefined && other.agentId !== agentId)) {
      return new Response(null, { status: 409 })
    }
    if (keyId !== undefined) this.#keyId = keyId
    return this.#accept(side, agentId)
  }

  #accept(side: Side, agentId: string): Response {
    const { 0: far, 1: near } = new WebSocketPair()
    near.accept()
    near.binaryType = "arraybuffer"
    const now = performance.now()
    this.#ends.set(side, { socket: near, agentId, activeAtMs: now, inFlight: new Map() })
    if (this.#timer === null) {
      this.#openedAtMs = now
      this.#nextReviewAtMs = now + reviewIntervalMs
      this.#timer = setInterval(() => this.#check(), checkMs)
    }
    near.addEventListener("message", (event) => this.#receive(side, event.data))
    near.addEventListener("close", () => this.#end(1001, "The other side disconnected."))
    near.addEventListener("error", () => this.#end(1001, "The other side disconnected."))
    if (this.#ends.size === 2) {
      const agent = this.#ends.get("agent")
      for (const bytes of this.#waiting.splice(0)) agent?.socket.send(bytes)
    }
    return new Response(null, { status: 101, webSocket: far })
  }

  #receive(side: Side, data: unknown): void {
    const end = this.#ends.get(side)
    if (end === undefined) return
    end.activeAtMs = performance.now()
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : null
    const frame = bytes === null ? null : decodeFrame(bytes)
    if (bytes === null || frame === null) return this.#end(1003, "Not a frame.")
    if (frame.type === frameTypes.ping) return end.socket.send(encodeFrame(frameTypes.pong, 0))
    const other = this.#ends.get(otherSide[side])
    if (!isWithinWindow(frame, end, other))
      return this.#end(1008, "More was sent than the window allows.")
    if (other !== undefined) return other.socket.send(bytes)
    this.#waiting.push(bytes)
    const waitingBytes = this.#waiting.reduce((sum, one) => sum + one.byteLength, 0)
    if (waitingBytes > waitingBytesMax) this.#end(1008, "The agent has not connected yet.")
  }

  #check(): void {
    const now = performance.now()
    if (this.#ends.size < 2 && now - this.#openedAtMs > waitMsMax) {
      return this.#end(4408, "The other side did not connect.")
    }
    for (const end of this.#ends.values()) {
      if (now - end.activeAtMs > silentMsMax)
        return this.#end(4408, "A side was silent for too long.")
    }
    if (now < this.#nextReviewAtMs) return
    this.#nextReviewAtMs = now + reviewIntervalMs
    this.ctx.waitUntil(this.review())
  }

  /**
   * Closes the session if its person has lost the session, the account or the right to connect, or
   * if the workspace has stopped. A database that does not answer closes nothing.
   */
  async review(): Promise<void> {
    const agentId = this.#ends.get("client")?.agentId
    if (agentId === undefined || this.#keyId === null) return
    try {
      const [[session], [reach]] = await openDatabase(this.env).batch([
        watchAs(this.#keyId, this.clock()),
        agentReach(agentId, { withDeleted: false }),
      ])
      const mayStay = session?.holds === true && reach?.may_forward === true && reach.is_running
      if (!mayStay) this.#end(4401, "The right to forward this port has ended.")
    } catch (error) {
      this.#nextReviewAtMs = performance.now() + reviewRetryMs
      writeEvent({ event: "relay_review", outcome: "error", error: messageOf(error) })
    }
  }

  #end(code: number, reason: string): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    for (const { socket } of this.#ends.values()) {
      closeSocket(socket, code, reason)
    }
    this.#ends.clear()
    this.#waiting = []
  }
}

/** Counts the frame of `end` on both sides. Returns false if it passes the stream's window. */
function isWithinWindow(frame: Frame, end: End, other: End | undefined): boolean {
  const { type, stream, payload } = frame
  if (type === frameTypes.data) {
    const inFlight = (end.inFlight.get(stream) ?? 0) + payload.byteLength
    end.inFlight.set(stream, inFlight)
    return inFlight <= windowBytes && end.inFlight.size <= streamCountMax
  }
  if (type === frameTypes.credit) {
    const left = (other?.inFlight.get(stream) ?? 0) - numberIn(frame)
    if (left > 0) other?.inFlight.set(stream, left)
    else other?.inFlight.delete(stream)
  }
  if (type === frameTypes.reset) {
    end.inFlight.delete(stream)
    other?.inFlight.delete(stream)
  }
  return true
}
