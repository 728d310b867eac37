// Forwarded ports on the client's side: listeners, a socket to the relay, and a usage ping each
// minute.
import { createServer, type Server, type Socket } from "node:net"
import { setTimeout as wait } from "node:timers/promises"
import { encodeFrame, frameTypes } from "../../agents/forward/frames.ts"
import { createMux, type Mux } from "./mux.ts"
import type { ForwardedPort, ForwardOptions } from "./options.ts"
import { openLine, type Line } from "./socket.ts"

const usagePingMs = 60_000
const callMsMax = 15_000
const backoffMsMax = 15_000

type Agent = { id: string; name: string; parent_id: string | null; status: string }
type Workspace = {
  id: string
  name: string
  latest_build: { transition: string; status: string; resources: { agents?: Agent[] }[] }
}

export async function forwardPorts(
  options: ForwardOptions & { stopped: AbortSignal; report: (text: string) => void },
): Promise<void> {
  const workspace = await readWorkspace(options)
  const agent = chooseAgent(workspace, options.agent)
  let mux: Mux | null = null
  const servers = await listenAll(options.ports, (port, socket) => {
    if (mux === null) socket.destroy()
    else mux.open(port, socket)
  })
  const usage = pingUsage(options, workspace.id)
  try {
    let attempts = 0
    let isFirst = true
    while (!options.stopped.aborted) {
      try {
        const line = await openSession(options, agent.id, (data) => mux?.receive(data))
        mux = createMux({ send: line.send })
        attempts = 0
        if (isFirst)
          for (const { local, remote } of options.ports)
            options.report(`Forwarding ${local} to ${remote}`)
        isFirst = false
        const onStop = () => line.close()
        options.stopped.addEventListener("abort", onStop, { once: true })
        await line.closed
        options.stopped.removeEventListener("abort", onStop)
      } catch (error) {
        if (isFirst) throw error
      }
      mux?.close()
      mux = null
      if (options.stopped.aborted) break
      options.report("The connection was lost; connecting again.")
      await wait(Math.min(500 * 2 ** attempts++, backoffMsMax), undefined, {
        signal: options.stopped,
      }).catch(() => {})
    }
  } finally {
    for (const server of servers) server.close()
    await usage
  }
}

function openSession(
  options: ForwardOptions,
  agentId: string,
  receive: (data: Uint8Array) => void,
): Promise<Line> {
  return openLine({
    url: `${options.url}/api/v2/workspaceagents/${agentId}/forward`,
    headers: { "Coder-Session-Token": options.token },
    ping: encodeFrame(frameTypes.ping, 0),
    pingMs: 5_000,
    silentMsMax: 20_000,
    onMessage: (data) => {
      if (typeof data !== "string") receive(data)
    },
  })
}

async function readWorkspace(options: ForwardOptions): Promise<Workspace> {
  const path = `/api/v2/users/${encodeURIComponent(options.owner)}/workspace/${encodeURIComponent(options.workspace)}`
  const response = await call(options, "GET", path)
  const body = (await response.json()) as Workspace & { message?: string }
  if (!response.ok) throw new Error(body.message ?? `The server answered ${response.status}.`)
  const { transition, status } = body.latest_build
  if (transition !== "start" || status !== "running") {
    throw new Error(`The workspace must be running; it is ${status}.`)
  }
  return body
}

function chooseAgent(workspace: Workspace, name: string | null): Agent {
  const agents = workspace.latest_build.resources.flatMap((resource) => resource.agents ?? [])
  const roots = agents.filter((agent) => agent.parent_id === null)
  const agent =
    name === null
      ? (roots.find((one) => one.name === "main") ?? roots[0])
      : agents.find((one) => one.name === name)
  if (agent === undefined)
    throw new Error(name === null ? "The workspace has no agent." : `No agent is named ${name}.`)
  return agent
}

async function listenAll(
  ports: readonly ForwardedPort[],
  onConnection: (port: number, socket: Socket) => void,
): Promise<Server[]> {
  const servers: Server[] = []
  for (const { host, local, remote } of ports) {
    servers.push(await listen(host ?? "127.0.0.1", local, (socket) => onConnection(remote, socket)))
    // The second loopback address is best effort.
    const second =
      host === null
        ? await listen("::1", local, (socket) => onConnection(remote, socket)).catch(() => null)
        : null
    if (second !== null) servers.push(second)
  }
  return servers
}

function listen(host: string, port: number, onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, onSocket)
  return new Promise((resolve, reject) => {
    server.once("error", () => reject(new Error(`Port ${port} on ${host} cannot be listened on.`)))
    server.listen(port, host, () => resolve(server))
  })
}

/** Pings before anything is served, then each minute. A failed ping is ignored. */
async function pingUsage(
  options: ForwardOptions & { stopped: AbortSignal },
  workspaceId: string,
): Promise<void> {
  while (!options.stopped.aborted) {
    await call(options, "POST", `/api/v2/workspaces/${workspaceId}/usage`).catch(() => null)
    await wait(usagePingMs, undefined, { signal: options.stopped }).catch(() => {})
  }
}

function call(options: ForwardOptions, method: string, path: string): Promise<Response> {
  return fetch(`${options.url}${path}`, {
    method,
    headers: { "Coder-Session-Token": options.token },
    signal: AbortSignal.timeout(callMsMax),
  })
}
