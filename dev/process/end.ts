// Ends processes in order: an interrupt first, which PostgreSQL takes as a fast shutdown.
import { setTimeout as sleep } from "node:timers/promises"
import { childrenOf, isAlive, startMark } from "./table.ts"

/** `mark` is when it started, so that a later process with the same number is left alone. */
export type KnownProcess = { pid: number; mark: string }

const endMsMax = 10_000

export async function endProcesses(known: KnownProcess[]): Promise<void> {
  const own = known.filter(({ pid, mark }) => mark !== "unknown" && startMark(pid) === mark)
  const alive = () => own.filter(({ pid }) => isAlive(pid))
  for (const { pid } of own) signal(pid, "SIGINT")
  const untilMs = performance.now() + endMsMax
  while (alive().length > 0 && performance.now() < untilMs) await sleep(50)
  for (const { pid } of alive()) signal(pid, "SIGQUIT")
}

/** The processes that this one has started and that still run. */
export function knownChildren(): KnownProcess[] {
  return childrenOf(process.pid).map((pid) => ({ pid, mark: startMark(pid) }))
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has already ended.
  }
}
