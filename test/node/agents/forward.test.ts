// The real programs against a real system: the printed init command brings the agent up, a forwarded port reaches a real server.
import { spawn, type ChildProcess } from "node:child_process"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import { freePort } from "../../../dev/free-port.ts"
import { rootDirectory } from "../../../dev/root.ts"
import { givenRunning, type Running } from "./given-running.ts"

let running: Running
const children: ChildProcess[] = []

beforeAll(async () => {
  running = await givenRunning([
    { script: 'echo ready; echo "q\'\\"t" >&2', run_on_start: true, run_on_stop: false },
    { script: "echo bye", run_on_start: false, run_on_stop: true },
  ])
}, 60_000)

afterAll(async () => {
  for (const child of children) signal(child, "SIGKILL")
  await running?.stop()
}, 30_000)

async function until(what: () => Promise<boolean>, msMax = 20_000): Promise<void> {
  const endMs = performance.now() + msMax
  while (!(await what())) {
    if (performance.now() > endMs) throw new Error("it never came")
    await wait(100)
  }
}

function start(
  command: string,
  args: string[],
  env: Record<string, string> = {},
): { child: ChildProcess; output: () => string } {
  const child = spawn(command, args, {
    env: {
      PATH: `${join(rootDirectory, "node_modules/.bin")}:${process.env["PATH"]}`,
      HOME: running.directory,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that what the command started is reached too.
    detached: true,
  })
  children.push(child)
  let text = ""
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => (text += chunk.toString()))
  return { child, output: () => text }
}

function signal(child: ChildProcess, name: "SIGTERM" | "SIGKILL"): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, name)
  } catch {
    // It has ended.
  }
}

const readAgent = () => running.api.call("GET", `/workspaceagents/${running.agentId}`)

test("the printed command starts the agent: it shows up connected and ready, with its script's output", async () => {
  const { command } = await running.api.call(
    "GET",
    `/workspaces/${running.workspaceId}/external-agent/main/credentials`,
  )
  start("sh", ["-c", command])
  await until(async () => {
    const agent = await readAgent()
    return agent.status === "connected" && agent.lifecycle_state === "ready"
  })
  const logs = await running.api.call("GET", `/workspaceagents/${running.agentId}/logs`)
  expect(logs.map((line: { output: string; level: string }) => [line.output, line.level]).toSorted()).toEqual(
    [
      ["q'\"t", "error"],
      ["ready", "info"],
    ],
  )
  expect(
    (await readAgent()).scripts.find((script: { run_on_start: boolean }) => script.run_on_start),
  ).toMatchObject({ exit_code: 0, status: "ok" })
})

test("a forwarded port reaches a real server, large answers and many connections at once included", async () => {
  const big = Buffer.alloc(3_000_000, "dormouse")
  const server = createServer((request, response) => {
    if (request.url === "/big") response.end(big)
    else request.pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  const local = await freePort()
  const forward = start(
    process.execPath,
    [join(rootDirectory, "src/cli/port-forward.ts"), "shed", "-p", `${local}:${port}`],
    {
      CODER_URL: running.url,
      CODER_SESSION_TOKEN: running.token,
    },
  )
  await until(() => Promise.resolve(forward.output().includes(`Forwarding ${local}`)))
  const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${local}${path}`, init)
  expect(await (await get("/", { method: "POST", body: "hello" })).text()).toBe("hello")
  expect(Buffer.from(await (await get("/big")).arrayBuffer()).equals(big)).toBe(true)
  const many = await Promise.all(
    Array.from({ length: 40 }, async (_, i) => (await get("/", { method: "POST", body: `x${i}` })).text()),
  )
  expect(many).toEqual(Array.from({ length: 40 }, (_, i) => `x${i}`))
  const refused = await freePort()
  expect(refused).not.toBe(port)
  server.close()
  server.closeAllConnections()
  await expect(get("/")).rejects.toThrow()
  signal(forward.child, "SIGTERM")
  await new Promise((resolve) => forward.child.once("exit", resolve))
  expect(forward.child.exitCode).toBe(0)
})

test("a stranger forwards nothing", async () => {
  const forward = start(
    process.execPath,
    [join(rootDirectory, "src/cli/port-forward.ts"), "shed", "-p", String(await freePort())],
    {
      CODER_URL: running.url,
      CODER_SESSION_TOKEN: "aaaaaaaaaa-bbbbbbbbbbbbbbbbbbbbbb",
    },
  )
  await new Promise((resolve) => forward.child.once("exit", resolve))
  expect(forward.child.exitCode).toBe(1)
})

test("an agent that is stopped runs its stop script, says so, and is disconnected at once", async () => {
  const [command] = children
  if (command !== undefined) signal(command, "SIGTERM")
  await until(async () => (await readAgent()).status === "disconnected")
  expect((await readAgent()).lifecycle_state).toBe("off")
})

test("the shell variant does the same without Node", async () => {
  const script = join(rootDirectory, "assets/bin/dormouse-agent.sh")
  const shell = start("sh", [script], { CODER_AGENT_URL: running.url, CODER_AGENT_TOKEN: running.agentToken })
  await until(async () => {
    const agent = await readAgent()
    return agent.status === "connected" && agent.lifecycle_state === "ready"
  })
  const logs = await running.api.call("GET", `/workspaceagents/${running.agentId}/logs`)
  expect(logs.filter((line: { output: string }) => line.output === "q'\"t")).toHaveLength(2)
  signal(shell.child, "SIGTERM")
  await until(async () => (await readAgent()).lifecycle_state === "off")
})
