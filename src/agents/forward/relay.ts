// The relay of one forwarding session: the command dials in on one side, the agent on the other, and frames pass between them.
// It holds nothing back by itself: the windows of the streams bound what is under way, and a side that ignores them is closed.
import { DurableObject } from "cloudflare:workers"
import {
  decodeFrame,
  encodeFrame,
  frameTypes,
  numberIn,
  streamCountMax,
  windowBytes,
} from "./frames.ts"

type Side = "client" | "agent"
const otherSide: Record<Side, Side> = { client: "agent", agent: "client" }

/** Both sides say `ping` each 5 s; one that is silent for so long is gone, half-open or not. It is time that passes, on no clock. */
const silentMsMax = 20_000
const checkMs = 5_000
/** How long one side waits for the other. */
const waitMsMax = 30_000
/** Frames that arrive before the other side does. */
const waitingBytesMax = 1_048_576

/** `underWay` counts, per stream, what a side has sent and the other has not yet taken. */
type End = { socket: WebSocket; agentId: string; heardAtMs: number; underWay: Map<number, number> }

export class PortRelay extends DurableObject<Env> {
  readonly #ends = new Map<Side, End>()
  #waiting: Uint8Array[] = []
  #openedAtMs = 0
  #timer: ReturnType<typeof setInterval> | null = null

  /** The Worker passes on handshakes that it has authorized: `/client/{agent}` and `/agent/{agent}`. */
  override async fetch(request: Request): Promise<Response> {
    const [, kind = "", agentId = ""] = new URL(request.url).pathname.split("/")
    const side: Side = kind === "agent" ? "agent" : "client"
    const other = this.#ends.get(otherSide[side])
    if (this.#ends.has(side) || (other !== undefined && other.agentId !== agentId)) {
      return new Response(null, { status: 409 })
    }
    const { 0: far, 1: near } = new WebSocketPair()
    near.accept()
    near.binaryType = "arraybuffer"
    const now = performance.now()
    this.#ends.set(side, { socket: near, agentId, heardAtMs: now, underWay: new Map() })
    if (this.#timer === null) {
      this.#openedAtMs = now
      this.#timer = setInterval(() => this.#check(), checkMs)
    }
    near.addEventListener("message", (event) => this.#receive(side, event.data))
    near.addEventListener("close", () => this.#end(1001, "The other side is gone."))
    near.addEventListener("error", () => this.#end(1001, "The other side is gone."))
    if (this.#ends.size === 2) {
      const agent = this.#ends.get("agent")
      for (const bytes of this.#waiting.splice(0)) agent?.socket.send(bytes)
    }
    return new Response(null, { status: 101, webSocket: far })
  }

  #receive(side: Side, data: unknown): void {
    const end = this.#ends.get(side)
    if (end === undefined) return
    end.heardAtMs = performance.now()
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : null
    const frame = bytes === null ? null : decodeFrame(bytes)
    if (bytes === null || frame === null) return this.#end(1003, "Not a frame.")
    if (frame.type === frameTypes.ping) return end.socket.send(encodeFrame(frameTypes.pong, 0))
    const other = this.#ends.get(otherSide[side])
    switch (frame.type) {
      case frameTypes.data: {
        const underWay = (end.underWay.get(frame.stream) ?? 0) + frame.payload.byteLength
        end.underWay.set(frame.stream, underWay)
        if (underWay > windowBytes || end.underWay.size > streamCountMax) {
          return this.#end(1008, "More was sent than the window allows.")
        }
        break
      }
      case frameTypes.credit: {
        const underWay = other?.underWay.get(frame.stream)
        const left = (underWay ?? 0) - numberIn(frame)
        if (left > 0) other?.underWay.set(frame.stream, left)
        else other?.underWay.delete(frame.stream)
        break
      }
      case frameTypes.reset:
        end.underWay.delete(frame.stream)
        other?.underWay.delete(frame.stream)
        break
      default:
    }
    if (other !== undefined) return other.socket.send(bytes)
    this.#waiting.push(bytes)
    const waitingBytes = this.#waiting.reduce((sum, one) => sum + one.byteLength, 0)
    if (waitingBytes > waitingBytesMax) this.#end(1008, "The agent has not come yet.")
  }

  #check(): void {
    const now = performance.now()
    if (this.#ends.size < 2 && now - this.#openedAtMs > waitMsMax) {
      return this.#end(4408, "The other side did not come.")
    }
    for (const end of this.#ends.values()) {
      if (now - end.heardAtMs > silentMsMax) return this.#end(4408, "A side fell silent.")
    }
  }

  #end(code: number, reason: string): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    for (const { socket } of this.#ends.values()) {
      try {
        socket.close(code, reason)
      } catch {
        // Closed already.
      }
    }
    this.#ends.clear()
    this.#waiting = []
  }
}
