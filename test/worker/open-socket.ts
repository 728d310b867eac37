// A WebSocket of the Worker as clients use one: the handshake first, then the listeners.
import { afterEach } from "vitest"
import { fetchWorker } from "./harness.ts"
import { until } from "./until.ts"

const opened: WebSocket[] = []
afterEach(() => {
  for (const socket of opened.splice(0)) socket.close()
})

/**
 * Opens a socket that collects its frames: parsed JSON, or the text where it is no JSON.
 *
 * `socket` is null if the handshake was refused. `count(n)` waits for the n-th frame.
 */
export async function openSocket<Frame = unknown>(path: string, token: string) {
  const response = await fetchWorker(path, { token, headers: { Upgrade: "websocket" } })
  const frames: Frame[] = []
  const closes: { code: number; reason: string }[] = []
  const socket = response.webSocket
  socket?.addEventListener("message", ({ data }) => {
    frames.push(parse(String(data)) as Frame)
  })
  socket?.addEventListener("close", ({ code, reason }) => {
    closes.push({ code, reason })
  })
  socket?.accept()
  if (socket) opened.push(socket)
  return {
    response,
    status: response.status,
    socket,
    frames,
    closes,
    count: async (wanted: number) => {
      await until(() => frames.length >= wanted)
      return frames
    },
    closed: async () => {
      await until(() => closes.length > 0)
      return closes[0]
    },
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
