// Sends heartbeats to the usage bench's Worker.
//
// Clients inside the Worker measure what a heartbeat costs. Clients over HTTP outlive the Worker,
// and know what it acknowledged.
import { Agent, request } from "node:http"
import type { Heartbeat } from "./seed-usage.ts"

export type HeartbeatClient = {
  /**
   * Sends with `clients` clients at a time inside the Worker. Rejects unless all are acknowledged.
   */
  send: (heartbeats: readonly Heartbeat[], options?: { isDirect: boolean }) => Promise<void>
  /**
   * The same over HTTP. `onKept` is called for each acknowledgement. Ends quietly if the Worker
   * ends.
   */
  sendOverHttp: (
    heartbeats: readonly Heartbeat[],
    onKept: (heartbeat: Heartbeat) => void,
  ) => Promise<void>
  get: <T>(path: string) => Promise<T>
  close: () => void
}

type Sent = { method?: string; headers?: Record<string, string>; body?: string }

export function openHeartbeatClient(url: string, clients: number): HeartbeatClient {
  const agent = new Agent({ maxSockets: clients })
  const call = (path: string, { method = "GET", headers = {}, body }: Sent = {}) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const sent = request(`${url}${path}`, { method, agent, headers }, (answer) => {
        let text = ""
        answer.on("data", (chunk: Buffer) => (text += chunk.toString()))
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }))
        answer.on("error", reject)
      })
      sent.on("error", reject)
      sent.end(body)
    })
  return {
    async send(heartbeats, { isDirect } = { isDirect: false }) {
      const lanes = Array.from({ length: clients }, (_, lane) =>
        heartbeats.filter((_, n) => n % clients === lane),
      )
      await Promise.all(
        lanes.map(async (lane) => {
          const body = JSON.stringify({ heartbeats: lane, isDirect })
          const answer = await call("/bench/send", { method: "POST", body })
          if (answer.status !== 200) throw new Error(`a heartbeat was refused: ${answer.text}`)
        }),
      )
    },
    async sendOverHttp(heartbeats, onKept) {
      let next = 0
      const work = async () => {
        for (let heartbeat = heartbeats[next++]; heartbeat; heartbeat = heartbeats[next++]) {
          const headers = { "Coder-Session-Token": heartbeat.token }
          const answer = await call(heartbeat.path, { method: "POST", headers }).catch(() => null)
          if (answer?.status === 204) onKept(heartbeat)
        }
      }
      await Promise.all(Array.from({ length: clients }, work))
    },
    get: async <T>(path: string) => JSON.parse((await call(path)).text) as T,
    close: () => agent.destroy(),
  }
}
