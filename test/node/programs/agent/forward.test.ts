// The agent and the port forward as real programs against a real system.
import { spawn, type ChildProcess } from "node:child_process"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import { freePort } from "../../../../dev/process/free-port.ts"
import { rootDirectory } from "../../../../dev/root.ts"
import { givenDaemon, givenRunning, type Running } from "./given-running.ts"

let running: Running
const children: ChildProcess[] = []

beforeAll(async () => {
  running = await givenRunning([
    { script: 'echo ready; echo "q\'\\"t" >&2', run_on_start: true, run_on_stop: false },
    { script: "echo bye", run_on_start: false, run_on_stop: true },
  ])
  await running.database.query(
    `insert into workspace_agent_metadata (agent_id, key, display_name, script, interval_seconds,
      timeout_seconds)
     select $1, key, key, 'echo ' || key, 3600, 0 from unnest(array['cpu', 'ram']) key`,
    [running.agentId],
  )
}, 60_000)

afterAll(async () => {
  for (const child of children) signal(child, "SIGKILL")
  await running?.stop()
}, 30_000)

async function until(what: () => Promise<boolean>, msMax = 80_000): Promise<void> {
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
    // A process group of its own, so that signals reach what the command started.
    detached: true,
  })
  children.push(child)
  let text = ""
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => (text += chunk.toString()))
  return { child, output: () => text }
}

function signal(child: ChildProcess, name: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, name)
  } catch {
    // It has already ended.
  }
}

const readAgent = () => running.api.call("GET", `/workspaceagents/${running.agentId}`)

test("the printed command starts an agent that becomes connected and ready", async () => {
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
  expect(
    logs.map((line: { output: string; level: string }) => [line.output, line.level]).toSorted(),
  ).toEqual([
    ["q'\"t", "error"],
    ["ready", "info"],
  ])
  expect(
    (await readAgent()).scripts.find((script: { run_on_start: boolean }) => script.run_on_start),
  ).toMatchObject({ exit_code: 0, status: "ok" })
})

test("items of metadata that are due together are reported in one call", async () => {
  const read = async () => {
    const { rows } = await running.database.query(
      "select key, value, collected_at from workspace_agent_metadata where agent_id = $1 order by key",
      [running.agentId],
    )
    return rows as { key: string; value: string; collected_at: Date | null }[]
  }
  await until(async () => (await read()).every((item) => item.collected_at !== null))
  const items = await read()
  expect(items.map(({ value }) => value)).toEqual(["cpu", "ram"])
  // Each call has an instant of its own.
  expect(new Set(items.map((item) => item.collected_at?.getTime())).size).toBe(1)
})

test("the listening ports are listed with the names of their processes", async () => {
  const { port } = new URL(running.url)
  // The system under test listens too, in this process or one of its children.
  await until(async () => {
    const { ports } = await running.api.call(
      "GET",
      `/workspaceagents/${running.agentId}/listening-ports`,
    )
    const found = ports.find((one: { port: number }) => one.port === Number(port))
    return found?.network === "tcp" && found.process_name !== ""
  })
})

test("a forwarded port carries large answers and many connections at once", async () => {
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
    [join(rootDirectory, "src/programs/port-forward/main.ts"), "shed", "-p", `${local}:${port}`],
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
    Array.from({ length: 40 }, async (_, i) =>
      (await get("/", { method: "POST", body: `x${i}` })).text(),
    ),
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

test("a sleeping machine is detected, and serves again when it wakes", async () => {
  const server = createServer((_, response) => response.end("awake"))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  const local = await freePort()
  const forward = start(
    process.execPath,
    [join(rootDirectory, "src/programs/port-forward/main.ts"), "shed", "-p", `${local}:${port}`],
    { CODER_URL: running.url, CODER_SESSION_TOKEN: running.token },
  )
  const get = async () => (await fetch(`http://127.0.0.1:${local}/`)).text()
  await until(() => Promise.resolve(forward.output().includes(`Forwarding ${local}`)))
  expect(await get()).toBe("awake")
  const [agent] = children
  // Its connections stay open without data: half-open.
  if (agent !== undefined) signal(agent, "SIGSTOP")
  await until(() => Promise.resolve(forward.output().includes("The connection was lost")))
  if (agent !== undefined) signal(agent, "SIGCONT")
  await until(async () => (await get().catch(() => "")) === "awake")
  signal(forward.child, "SIGTERM")
  server.close()
})

test("an active forward keeps the workspace running past its deadline", async () => {
  const server = createServer((_, response) => response.end("here"))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  const local = await freePort()
  const forward = start(
    process.execPath,
    [join(rootDirectory, "src/programs/port-forward/main.ts"), "shed", "-p", `${local}:${port}`],
    { CODER_URL: running.url, CODER_SESSION_TOKEN: running.token },
  )
  await until(() => Promise.resolve(forward.output().includes(`Forwarding ${local}`)))
  const readBuild = async () =>
    (await running.api.call("GET", `/workspaces/${running.workspaceId}`)).latest_build
  const deadline = new Date((await readBuild()).deadline)
  await givenDaemon(running)
  const tick = async (at: Date) => {
    await running.database.query("update provisioner_daemons set last_seen_at = $1", [at])
    await running.system.worker.tick(at)
  }

  // The agent reports each thirty seconds. The tick at the deadline flushes reports before it stops
  // anything.
  await until(async () => {
    expect(await (await fetch(`http://127.0.0.1:${local}/`)).text()).toBe("here")
    await running.system.worker.fireAlarms(new Date(Date.now() + 60_000))
    const { rows } = await running.database.query(
      "select from workspace_agent_stats where workspace_id = $1 and connection_count > 0",
      [running.workspaceId],
    )
    return rows.length > 0
  }, 80_000)
  await tick(new Date(Math.ceil(deadline.getTime() / 60_000) * 60_000))
  expect(await readBuild()).toMatchObject({ transition: "start", status: "running" })
  const moved = new Date((await readBuild()).deadline)
  expect(moved.getTime()).toBeGreaterThan(deadline.getTime())

  signal(forward.child, "SIGTERM")
  server.close()
  await tick(new Date(Math.ceil(moved.getTime() / 60_000) * 60_000))
  expect(await readBuild()).toMatchObject({
    transition: "stop",
    reason: "autostop",
    status: "pending",
  })
})

test("another member cannot forward a port", async () => {
  const forward = start(
    process.execPath,
    [
      join(rootDirectory, "src/programs/port-forward/main.ts"),
      "shed",
      "-p",
      String(await freePort()),
    ],
    {
      CODER_URL: running.url,
      CODER_SESSION_TOKEN: "aaaaaaaaaa-bbbbbbbbbbbbbbbbbbbbbb",
    },
  )
  await new Promise((resolve) => forward.child.once("exit", resolve))
  expect(forward.child.exitCode).toBe(1)
})

/**
 * By the control plane's clock, which is ahead of the machine's. Only the agent's reports about its
 * scripts use it.
 */
const aheadMs = 7_200_000
const startedAtOf = async (stage: "start" | "stop") => {
  const { rows } = await running.database.query(
    "select max(started_at) as at from workspace_agent_script_timings where stage = $1",
    [stage],
  )
  return (rows[0] as { at: Date }).at.getTime() - Date.now()
}

test("an agent that is stopped runs its stop script and disconnects at once", async () => {
  await running.system.worker.shiftClock(aheadMs)
  const [command] = children
  if (command !== undefined) signal(command, "SIGTERM")
  await until(async () => (await readAgent()).status === "disconnected")
  expect((await readAgent()).lifecycle_state).toBe("off")
  expect(Math.abs((await startedAtOf("stop")) - aheadMs)).toBeLessThan(60_000)
})

test("the shell variant does the same without Node", async () => {
  const script = join(rootDirectory, "assets/bin/dormouse-agent.sh")
  const shell = start("sh", [script], {
    CODER_AGENT_URL: running.url,
    CODER_AGENT_TOKEN: running.agentToken,
  })
  await until(async () => {
    const agent = await readAgent()
    return agent.status === "connected" && agent.lifecycle_state === "ready"
  })
  const logs = await running.api.call("GET", `/workspaceagents/${running.agentId}/logs`)
  expect(logs.filter((line: { output: string }) => line.output === "q'\"t")).toHaveLength(2)
  expect(Math.abs((await startedAtOf("start")) - aheadMs)).toBeLessThan(60_000)
  signal(shell.child, "SIGTERM")
  await until(async () => (await readAgent()).lifecycle_state === "off")
})
