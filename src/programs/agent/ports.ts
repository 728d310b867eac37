// The ports that this machine listens on, reported over the agent's socket when they change.
//
// Linux alone has `/proc` to read them from.
import { setTimeout as wait } from "node:timers/promises"
import type { ListeningPort } from "../../agents/forward/listening-ports.ts"
import { readProcesses, readTcpRows, readText, socketsOf, type TcpRow } from "./activity.ts"

const lookMs = 30_000
/** The system's own services use lower ports. */
const portMin = 1_024
const portsMax = 256
const nameLengthMax = 64

/**
 * Reports the ports at once and when they change, at most each half minute, until the signal
 * aborts.
 */
export async function tellPorts(send: (frame: string) => void, signal: AbortSignal): Promise<void> {
  let seenOf = ""
  let told = ""
  while (!signal.aborted) {
    const rows = listenersAmong(await readTcpRows())
    const seen = rows.map((row) => `${row.localPort}:${row.inode}`).join(" ")
    // Finding the owner takes a look at every process, so it is done only when the listening ports
    // changed.
    if (seen !== seenOf) {
      const ports = portsOf(rows, await findOwners(new Set(rows.map((row) => row.inode))))
      const frame = JSON.stringify({ type: "ports", ports })
      if (frame !== told && !signal.aborted) send(frame)
      seenOf = seen
      told = frame
    }
    await wait(lookMs, undefined, { signal }).catch(() => undefined)
  }
}

/**
 * The rows that listen on a port of people, lowest first. The highest are left out if there are too
 * many.
 */
export function listenersAmong(rows: readonly TcpRow[]): TcpRow[] {
  const listeners = rows.filter((row) => row.isListening && row.localPort >= portMin)
  const kept = new Set(
    [...new Set(listeners.map((row) => row.localPort))]
      .toSorted((a, b) => a - b)
      .slice(0, portsMax),
  )
  return listeners
    .filter((row) => kept.has(row.localPort))
    .toSorted((a, b) => a.localPort - b.localPort || a.inode.localeCompare(b.inode))
}

/**
 * One entry per port, on however many addresses it listens. `owners`: the name of the process of an
 * inode.
 */
export function portsOf(
  rows: readonly TcpRow[],
  owners: ReadonlyMap<string, string>,
): ListeningPort[] {
  const names = new Map<number, string>()
  for (const { localPort, inode } of rows)
    names.set(localPort, names.get(localPort) || (owners.get(inode) ?? ""))
  return [...names].map(([port, name]) => ({ process_name: name, network: "tcp", port }))
}

async function findOwners(inodes: ReadonlySet<string>): Promise<Map<string, string>> {
  const owners = new Map<string, string>()
  for (const pid of await readProcesses()) {
    if (owners.size === inodes.size) break
    const held = (await socketsOf(pid)).filter((inode) => inodes.has(inode) && !owners.has(inode))
    if (held.length === 0) continue
    const name = (await readText(`/proc/${pid}/comm`)).trim().slice(0, nameLengthMax)
    for (const inode of held) owners.set(inode, name)
  }
  return owners
}
