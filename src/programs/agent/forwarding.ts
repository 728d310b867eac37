// Forwarded ports on the agent's side.
//
// Each session is a socket to a relay, whose streams connect to ports of this machine.
import { connect, type Socket } from "node:net"
import { encodeFrame, frameTypes } from "../../agents/forward/frames.ts"
import { createMux, type Mux } from "../port-forward/mux.ts"
import { openLine } from "../port-forward/socket.ts"

const sessionsMax = 32
const connectMsMax = 10_000

export type Forwarding = {
  answer: (session: string) => Promise<void>
  /** How many sessions carried data since the last call, and how much. */
  takeTraffic: () => { sessions: number; rxBytes: number; txBytes: number }
  close: () => void
}

export function createForwarding(options: {
  url: string
  token: () => string
  report: (text: string) => void
}): Forwarding {
  const sessions = new Map<string, { mux: Mux; close: () => void }>()
  const endWith = async (closed: Promise<number>, session: string, mux: Mux) => {
    await closed
    mux.close()
    sessions.delete(session)
  }
  return {
    async answer(session) {
      if (sessions.size >= sessionsMax) return options.report("too many forwarding sessions")
      let mux: Mux | null = null
      try {
        const line = await openLine({
          url: `${options.url}/relay/${encodeURIComponent(session)}`,
          headers: { "Coder-Session-Token": options.token() },
          ping: encodeFrame(frameTypes.ping, 0),
          pingMs: 5_000,
          silentMsMax: 20_000,
          onMessage: (data) => {
            if (typeof data !== "string") mux?.receive(data)
          },
        })
        mux = createMux({ send: line.send, onOpen: connectLocal })
        const open = mux
        sessions.set(session, { mux: open, close: line.close })
        void endWith(line.closed, session, open)
      } catch {
        options.report("a forwarding session could not be answered")
      }
    },
    takeTraffic() {
      const taken = [...sessions.values()].map(({ mux }) => mux.takeTraffic())
      return {
        sessions: taken.filter(({ rxBytes, txBytes }) => rxBytes + txBytes > 0).length,
        rxBytes: taken.reduce((sum, { rxBytes }) => sum + rxBytes, 0),
        txBytes: taken.reduce((sum, { txBytes }) => sum + txBytes, 0),
      }
    },
    close() {
      for (const { close } of sessions.values()) close()
    },
  }
}

/** Connects to a port of this machine, on either loopback address. */
export async function connectLocal(port: number): Promise<Socket> {
  try {
    return await connectTo("127.0.0.1", port)
  } catch {
    return connectTo("::1", port)
  }
}

function connectTo(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, timeout: connectMsMax })
    const refuse = () => {
      socket.destroy()
      reject(new Error(`nothing answers on port ${port}`))
    }
    socket.once("error", refuse)
    socket.once("timeout", refuse)
    socket.once("connect", () => {
      socket.removeListener("error", refuse)
      socket.removeListener("timeout", refuse)
      socket.setTimeout(0)
      resolve(socket)
    })
  })
}
