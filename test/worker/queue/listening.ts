// Daemons that listen at their boards, and the count of calls to the database.
import { env } from "cloudflare:workers"
import { afterEach, expect } from "vitest"
import { boardName } from "../../../src/queue/notify/domain.ts"
import { withFaults } from "../faults.ts"
import type { GivenProvisioner } from "../given-people.ts"
import { fetchWorker } from "../harness.ts"

export const untagged = { scope: "organization", owner: "" }

export const boardOf = async (
  organization: { id: string },
  tags: Record<string, string> = untagged,
  provisioners: string[] = ["terraform"],
) =>
  env.JOB_BOARD.getByName(await boardName({ organization_id: organization.id, provisioners, tags }))

export type Listening = Awaited<ReturnType<typeof listen>>

const opened: WebSocket[] = []
afterEach(() => {
  for (const socket of opened.splice(0)) socket.close(1000)
})

/** Opens the daemon's socket over the API. `frames` and `closes` record what arrives. */
export async function listen(provisioner: Pick<GivenProvisioner, "daemonId" | "key">) {
  const response = await fetchWorker(`/api/v2/provisionerdaemons/${provisioner.daemonId}/listen`, {
    headers: { Upgrade: "websocket", "Coder-Provisioner-Daemon-Key": provisioner.key },
  })
  expect(response.status).toBe(101)
  const socket = response.webSocket!
  const frames: unknown[] = []
  const closes: number[] = []
  socket.addEventListener("message", (event) => {
    frames.push(JSON.parse(String(event.data)))
  })
  socket.addEventListener("close", ({ code }) => {
    closes.push(code)
  })
  socket.accept()
  opened.push(socket)
  return {
    socket,
    frames,
    closes,
    report: (free: number) => socket.send(JSON.stringify({ type: "free", count: free })),
  }
}

/** Counts the round trips to the database that `run` makes. */
export async function countingCalls(run: () => Promise<unknown>): Promise<number> {
  const { calls, error } = await withFaults(() => null, run)
  if (error !== null) throw error
  return calls
}
