// A control plane for the daemon's tests: the protocol over real HTTP and WebSocket, with jobs in
// memory.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import { createHash } from "node:crypto"
import type {
  AcquiredJob,
  CompleteRequest,
  FailRequest,
  LogLine,
} from "../../../../src/queue/jobs/protocol.ts"

export type JobRecord = {
  job: AcquiredJob
  archive: Uint8Array
  lines: LogLine[]
  complete?: CompleteRequest
  fail?: FailRequest
  canceled: boolean
  isReaped: boolean
  acquiredBy?: string
}

export type FakeControlPlane = Awaited<ReturnType<typeof startFakeControlPlane>>

/** `ahead` moves the Date header, which the daemon's clock follows. */
export async function startFakeControlPlane(options: { key?: string; aheadMs?: number } = {}) {
  const jobs = new Map<string, JobRecord>()
  const queue: string[] = []
  const calls: string[] = []
  const sockets = new Set<Duplex>()
  const said: string[] = []
  let isAway = false
  let line: "sound" | "refused" | "mute" = "sound"
  let key = options.key ?? "key"
  let isForgotten = false
  const date = () => new Date(Date.now() + (options.aheadMs ?? 0)).toUTCString()

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await readBody(req)
    const answer = (status: number, value?: unknown) => {
      res.writeHead(status, {
        "Content-Type": "application/json",
        Date: date(),
      })
      res.end(value === undefined ? undefined : JSON.stringify(value))
    }
    const path = (req.url ?? "").replace("/api/v2/provisionerdaemons", "")
    calls.push(`${req.method} ${path}`)
    if (isAway) return void req.socket.destroy()
    if (req.headers["coder-provisioner-daemon-key"] !== key) {
      return answer(401, { message: "Provisioner key not authorized." })
    }
    if (path === "") {
      isForgotten = false
      return answer(201, { id: "daemon-1" })
    }
    const [, daemon = "", action = "", jobId = "", verb = ""] = path.split("/")
    if (action === "heartbeat" && isForgotten) return answer(404, { message: "Resource not found" })
    if (action === "heartbeat") return answer(204)
    if (action === "acquire" && isForgotten) return answer(404, { message: "Resource not found" })
    if (action === "acquire") {
      const record = jobs.get(queue.shift() ?? "")
      if (record === undefined) return answer(204)
      record.acquiredBy = daemon
      return answer(200, record.job)
    }
    const record = jobs.get(jobId)
    if (record === undefined) return answer(404, { message: "Resource not found" })
    if (record.isReaped) return answer(409, { message: "The job has already ended." })
    if (verb === "file") {
      res.writeHead(200, { "Content-Type": "application/x-tar", Date: date() })
      return void res.end(record.archive)
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the daemon's own types
    const value = JSON.parse(body || "{}") as { logs?: LogLine[] } & CompleteRequest & FailRequest
    if (verb === "update") {
      record.lines.push(...(value.logs ?? []))
      return answer(200, { canceled: record.canceled })
    }
    if (verb === "complete") record.complete = value
    else record.fail = value
    record.isReaped = true
    return answer(204)
  }

  const server = createServer((req, res) => void handle(req, res).catch(() => res.destroy()))
  server.on("upgrade", (req, socket) => {
    calls.push(`WS ${(req.url ?? "").replace("/api/v2/provisionerdaemons", "")}`)
    if (isAway || line === "refused") {
      socket.destroy()
      return
    }
    const accept = createHash("sha1")
      .update(`${req.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64")
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
    socket.on("error", () => socket.destroy())
    socket.on("data", (data: Buffer) => {
      for (const frame of readFrames(data)) {
        if (frame === null) socket.end()
        else if (frame !== "ping") said.push(frame)
        else if (line === "sound") socket.write(textFrame("pong"))
      }
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve)
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a listening TCP server has one
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    /** What daemons said over their sockets. */
    said,
    /**
     * Queues a job, which then names the archive by its content; tells listening daemons unless
     * `quietly`.
     */
    post(unnamed: AcquiredJob, archive: Uint8Array, quietly = false): JobRecord {
      const job = { ...unnamed, file_hash: createHash("sha256").update(archive).digest("hex") }
      const record: JobRecord = { job, archive, lines: [], canceled: false, isReaped: false }
      jobs.set(job.job_id, record)
      queue.push(job.job_id)
      if (!quietly) for (const socket of sockets) socket.write(textFrame('{"type":"job"}'))
      return record
    },
    goAway() {
      isAway = true
      for (const socket of sockets) socket.destroy()
    },
    /** From now on sockets are refused, or answer no ping, as one that is half-open. */
    spoilLines(how: "refused" | "mute") {
      line = how
    },
    /** Daemons are unknown until they register again. */
    forget() {
      isForgotten = true
    },
    revoke() {
      key = ""
    },
    comeBack() {
      isAway = false
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}

function textFrame(text: string): Buffer {
  const data = Buffer.from(text)
  return Buffer.concat([Buffer.from([0x81, data.length]), data])
}

/** The short masked frames of a client: its texts, null for a close. */
function readFrames(data: Buffer): (string | null)[] {
  const frames: (string | null)[] = []
  for (let at = 0; at < data.length;) {
    const length = (data[at + 1] ?? 0) & 0x7f
    const mask = data.subarray(at + 2, at + 6)
    const body = data
      .subarray(at + 6, at + 6 + length)
      .map((byte, index) => byte ^ (mask[index % 4] ?? 0))
    frames.push(((data[at] ?? 0) & 0x0f) === 1 ? Buffer.from(body).toString() : null)
    at += 6 + length
  }
  return frames
}

async function readBody(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks).toString()
}
