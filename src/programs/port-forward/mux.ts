// Many TCP connections over one WebSocket.
//
// Each stream has a window, so that a socket that is not read stops its own stream alone.
import type { Socket } from "node:net"
import {
  decodeFrame,
  encodeCredit,
  encodeFrame,
  encodeOpen,
  frameTypes,
  numberIn,
  payloadBytesMax,
  streamCountMax,
  windowBytes,
} from "../../agents/forward/frames.ts"

export type Mux = {
  /**
   * Opens a stream to a port of the other side for a local socket. Destroys the socket if there are
   * too many streams.
   */
  open: (port: number, socket: Socket) => void
  receive: (bytes: Uint8Array) => void
  /** Destroys all sockets. */
  close: () => void
  /** Bytes carried since the last call, in each direction. */
  takeTraffic: () => { rxBytes: number; txBytes: number }
  streamCount: () => number
}

export type MuxOptions = {
  send: (bytes: Uint8Array<ArrayBuffer>) => void
  /**
   * Answers the other side's `open`: a connected socket, or the reason why not. Only the agent's
   * side has one.
   */
  onOpen?: (port: number) => Promise<Socket>
}

type Stream = {
  socket: Socket | null
  sendCredit: number
  receiveWindow: number
  consumed: number
  pending: Buffer[]
  hasEnded: boolean
  isEndSent: boolean
}

/** @example const mux = createMux({ send: (bytes) => webSocket.send(bytes) }) */
export function createMux({ send, onOpen }: MuxOptions): Mux {
  const streams = new Map<number, Stream>()
  let nextStream = 1
  let traffic = { rxBytes: 0, txBytes: 0 }

  const newStream = (socket: Socket | null): Stream => ({
    socket,
    sendCredit: windowBytes,
    receiveWindow: windowBytes,
    consumed: 0,
    pending: [],
    hasEnded: false,
    isEndSent: false,
  })

  function drop(id: number, reason: string | null): void {
    const stream = streams.get(id)
    if (stream === undefined) return
    streams.delete(id)
    if (reason !== null)
      send(encodeFrame(frameTypes.reset, id, new TextEncoder().encode(reason.slice(0, 200))))
    stream.socket?.destroy()
  }

  function flush(id: number, stream: Stream): void {
    while (stream.pending.length > 0 && stream.sendCredit > 0) {
      const [first] = stream.pending
      if (first === undefined) break
      const part = first.subarray(0, Math.min(first.length, payloadBytesMax, stream.sendCredit))
      stream.sendCredit -= part.length
      traffic.txBytes += part.length
      send(encodeFrame(frameTypes.data, id, part))
      if (part.length === first.length) stream.pending.shift()
      else stream.pending[0] = first.subarray(part.length)
    }
    if (stream.pending.length > 0) stream.socket?.pause()
    else if (stream.hasEnded && !stream.isEndSent) {
      stream.isEndSent = true
      send(encodeFrame(frameTypes.end, id))
    } else stream.socket?.resume()
  }

  function attach(id: number, stream: Stream, socket: Socket): void {
    stream.socket = socket
    socket.setNoDelay(true)
    socket.on("data", (chunk) => {
      stream.pending.push(chunk)
      flush(id, stream)
    })
    socket.on("end", () => {
      stream.hasEnded = true
      flush(id, stream)
    })
    socket.on("error", () => drop(id, "the connection failed"))
    socket.on("close", () => {
      // Closed in both directions in order: the other side knows. Anything else is a reset.
      if (stream.isEndSent && socket.writableFinished) streams.delete(id)
      else drop(id, "the connection was closed")
    })
  }

  function give(id: number, stream: Stream): void {
    if (stream.consumed === 0 || !streams.has(id)) return
    send(encodeCredit(id, stream.consumed))
    stream.receiveWindow += stream.consumed
    stream.consumed = 0
  }

  async function answer(id: number, port: number): Promise<void> {
    const stream = newStream(null)
    streams.set(id, stream)
    try {
      if (onOpen === undefined) throw new Error("this side opens no connections")
      const socket = await onOpen(port)
      if (!streams.has(id)) return void socket.destroy()
      send(encodeFrame(frameTypes.opened, id))
      attach(id, stream, socket)
    } catch (error) {
      drop(id, error instanceof Error ? error.message : "the connection failed")
    }
  }

  function take(id: number, payload: Uint8Array): void {
    const stream = streams.get(id)
    if (stream === undefined) return
    stream.receiveWindow -= payload.length
    if (stream.receiveWindow < 0 || stream.socket === null)
      return drop(id, "more was sent than the window allows")
    traffic.rxBytes += payload.length
    stream.socket.write(payload, () => {
      stream.consumed += payload.length
      if (stream.consumed >= windowBytes / 2) give(id, stream)
    })
  }

  return {
    open(port, socket) {
      if (streams.size >= streamCountMax) {
        socket.destroy()
        return
      }
      const id = nextStream++
      const stream = newStream(socket)
      streams.set(id, stream)
      socket.pause()
      send(encodeOpen(id, port))
      attach(id, stream, socket)
      socket.pause()
    },
    receive(bytes) {
      const frame = decodeFrame(bytes)
      if (frame === null) return
      const stream = streams.get(frame.stream)
      switch (frame.type) {
        case frameTypes.open:
          if (streams.size >= streamCountMax || stream !== undefined) {
            send(
              encodeFrame(
                frameTypes.reset,
                frame.stream,
                new TextEncoder().encode("too many streams"),
              ),
            )
          } else void answer(frame.stream, numberIn(frame))
          break
        case frameTypes.opened:
          stream?.socket?.resume()
          break
        case frameTypes.data:
          take(frame.stream, frame.payload)
          break
        case frameTypes.credit:
          if (stream === undefined) break
          stream.sendCredit = Math.min(stream.sendCredit + numberIn(frame), windowBytes)
          flush(frame.stream, stream)
          break
        case frameTypes.end:
          stream?.socket?.end(() => stream !== undefined && give(frame.stream, stream))
          break
        case frameTypes.reset:
          drop(frame.stream, null)
          break
        default:
      }
    },
    close() {
      for (const id of streams.keys()) drop(id, null)
    },
    takeTraffic() {
      const taken = traffic
      traffic = { rxBytes: 0, txBytes: 0 }
      return taken
    },
    streamCount: () => streams.size,
  }
}
