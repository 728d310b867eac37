// What people do in the workspace, read from its TCP connections.
//
// Counts SSH sessions, connections to IDE servers, and connections to chosen ports.
import { readdir, readFile, readlink } from "node:fs/promises"

export type Connections = { ssh: number; vscode: number; jetbrains: number; ports: number }

export type TcpRow = {
  localPort: number
  isListening: boolean
  isEstablished: boolean
  inode: string
}

const listening = "0A"
const established = "01"

/** Parses `/proc/net/tcp`: local port, state and inode. */
export function parseTcpTable(text: string): TcpRow[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/)
      const port = Number.parseInt(fields[1]?.split(":")[1] ?? "", 16)
      if (Number.isNaN(port)) return []
      return [
        {
          localPort: port,
          isListening: fields[3] === listening,
          isEstablished: fields[3] === established,
          inode: fields[9] ?? "",
        },
      ]
    })
}

export type Server = "ssh" | "vscode" | "jetbrains"

/** Recognizes a server by its command line. */
export function serverOf(commandLine: string): Server | null {
  if (/(^|\/)(sshd|dropbear)\b/.test(commandLine)) return "ssh"
  if (/vscode-server|code-server|\.cursor-server|openvscode/i.test(commandLine)) return "vscode"
  if (/jetbrains|remote-dev-server|idea\.sh|gateway/i.test(commandLine)) return "jetbrains"
  return null
}

/** Connections of people: established rows whose local port belongs to a server, or was chosen. */
export function countConnections(
  rows: readonly TcpRow[],
  servers: ReadonlyMap<number, Server>,
  chosenPorts: ReadonlySet<number>,
): Connections {
  const counts: Connections = { ssh: 0, vscode: 0, jetbrains: 0, ports: 0 }
  for (const row of rows) {
    if (!row.isEstablished) continue
    const server = servers.get(row.localPort)
    if (server !== undefined) counts[server] += 1
    else if (chosenPorts.has(row.localPort)) counts.ports += 1
  }
  return counts
}

const processesMax = 4_000

/** The rows of this machine; empty on a system without `/proc`. */
export async function readTcpRows(): Promise<TcpRow[]> {
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map(readText))
  return tables.flatMap(parseTcpTable)
}

/** Reads this machine; all zero on a system without `/proc`. */
export async function watchConnections(chosenPorts: ReadonlySet<number>): Promise<Connections> {
  const rows = await readTcpRows()
  const listeners = new Map(
    rows.filter((row) => row.isListening).map((row) => [row.inode, row.localPort]),
  )
  return countConnections(rows, await findServers(listeners), chosenPorts)
}

async function findServers(listeners: ReadonlyMap<string, number>): Promise<Map<number, Server>> {
  const servers = new Map<number, Server>()
  for (const pid of await readProcesses()) {
    const server = serverOf((await readText(`/proc/${pid}/cmdline`)).replaceAll("\0", " "))
    if (server === null) continue
    for (const inode of await socketsOf(pid)) {
      const port = listeners.get(inode)
      if (port !== undefined) servers.set(port, server)
    }
  }
  // Root owns the descriptors of sshd, but its port is known.
  if ([...listeners.values()].includes(22)) servers.set(22, "ssh")
  return servers
}

export async function readProcesses(): Promise<string[]> {
  const names = await readdir("/proc").catch(() => [])
  return names.filter((name) => /^\d+$/.test(name)).slice(0, processesMax)
}

/** The inodes of a process's sockets; empty for a process of another user. */
export async function socketsOf(pid: string): Promise<string[]> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => [])
  const targets = await Promise.all(
    descriptors.map((descriptor) => readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "")),
  )
  return targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? [])
}

export const readText = (path: string) => readFile(path, "utf8").catch(() => "")
