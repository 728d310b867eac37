// A forwarded port against a direct socket: command, relay and agent as in production, on one
// machine.
import { spawn, type ChildProcess } from "node:child_process"
import { connect, createServer, type AddressInfo, type Socket } from "node:net"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { freePort } from "../../dev/process/free-port.ts"
import { rootDirectory } from "../../dev/root.ts"
import { givenRunning } from "../../test/node/programs/agent/given-running.ts"
import { median } from "./median.ts"

const downloadBytes = 64 * 1024 * 1024
const roundTrips = 300
const readyMsMax = 30_000

/** Throughput in MiB/s and the median round trip of a few bytes, forwarded and direct. */
export async function measurePortForward() {
  const running = await givenRunning()
  const server = await startServer()
  const children: ChildProcess[] = []
  const start = (program: string, args: string[], env: Record<string, string>) => {
    const child = spawn(
      process.execPath,
      [join(rootDirectory, "src", "programs", program), ...args],
      {
        env: { PATH: process.env["PATH"] ?? "", HOME: running.directory, ...env },
        stdio: ["ignore", "pipe", "ignore"],
      },
    )
    children.push(child)
    return child
  }
  try {
    start("agent/main.ts", [], {
      CODER_AGENT_URL: running.url,
      CODER_AGENT_TOKEN: running.agentToken,
    })
    await until(async () => {
      const agent = await running.api.call("GET", `/workspaceagents/${running.agentId}`)
      return agent.status === "connected" && agent.lifecycle_state === "ready"
    })
    const local = await freePort()
    const forward = start("port-forward/main.ts", ["shed", "-p", `${local}:${server.port}`], {
      CODER_URL: running.url,
      CODER_SESSION_TOKEN: running.token,
    })
    let output = ""
    forward.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()))
    await until(() => Promise.resolve(output.includes("Forwarding")))
    const [direct, forwarded] = [await measure(server.port), await measure(local)]
    return {
      directMiBPerSecond: direct.mibPerSecond,
      forwardMiBPerSecond: forwarded.mibPerSecond,
      directRoundTripMs: direct.roundTripMs,
      forwardRoundTripMs: forwarded.roundTripMs,
      forwardAddedMs: forwarded.roundTripMs - direct.roundTripMs,
    }
  } finally {
    for (const child of children) child.kill("SIGKILL")
    server.close()
    await running.stop()
  }
}

/** Answers `d` with a download, and echoes anything else. */
async function startServer(): Promise<{ port: number; close: () => void }> {
  const chunk = Buffer.alloc(65_536, 1)
  const server = createServer((socket) => {
    socket.on("error", () => {})
    let left = 0
    const send = () => {
      while (left > 0 && !socket.writableNeedDrain) {
        left -= chunk.length
        socket.write(chunk)
      }
    }
    socket.on("drain", send)
    socket.on("data", (data: Buffer) => {
      if (data[0] !== 100) socket.write(data)
      else left = downloadBytes
      send()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return { port, close: () => server.close() }
}

async function measure(port: number): Promise<{ mibPerSecond: number; roundTripMs: number }> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true })
  await new Promise<void>((resolve, reject) =>
    socket.once("connect", resolve).once("error", reject),
  )
  const times: number[] = []
  for (let trip = 0; trip < roundTrips; trip++) {
    const startedAt = performance.now()
    socket.write("e")
    await receive(socket, 1)
    times.push(performance.now() - startedAt)
  }
  const startedAt = performance.now()
  socket.write("d")
  await receive(socket, downloadBytes)
  const seconds = (performance.now() - startedAt) / 1_000
  socket.destroy()
  return { mibPerSecond: downloadBytes / 1_048_576 / seconds, roundTripMs: median(times) }
}

function receive(socket: Socket, byteCount: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = byteCount
    const take = (data: Buffer) => {
      left -= data.length
      if (left > 0) return
      socket.off("data", take)
      socket.off("close", lost)
      resolve()
    }
    const lost = () => reject(new Error("the connection was closed"))
    socket.on("data", take)
    socket.once("close", lost)
  })
}

async function until(what: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + readyMsMax
  while (!(await what())) {
    if (performance.now() > endMs) throw new Error("it never came")
    await wait(100)
  }
}
