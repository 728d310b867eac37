// What the replays of the clients share: a client that expects a status, a socket that is read as clients read one, and a
// provisioner that does what it is asked.
import { expect } from "vitest"
import type { GivenProvisioner } from "../given-people.ts"
import { api, fetchWorker } from "../harness.ts"
import { daemonCall } from "../provisioners/given-jobs.ts"

/** A client with its headers. Each call names the status that the client needs. */
export function clientWith(headers: Record<string, string>) {
  const call = async (method: string, path: string, status: number, body?: unknown) => {
    const answer = await api(`/api/v2${path}`, {
      method,
      headers,
      ...(body !== undefined && { body }),
    })
    expect([method, path, answer.status, answer.status === status ? "" : answer.text]).toEqual([
      method,
      path,
      status,
      "",
    ])
    expect(answer.headers.get("X-Coder-Build-Version")).toMatch(/^v2\./)
    return answer.body
  }
  return {
    get: (path: string, status = 200) => call("GET", path, status),
    post: (path: string, body: unknown, status = 201) => call("POST", path, status, body),
    put: (path: string, body: unknown, status = 204) => call("PUT", path, status, body),
    patch: (path: string, body: unknown, status = 200) => call("PATCH", path, status, body),
    /** Opens a socket and reads until `enough`, or until it is closed. */
    watch: (path: string, enough: (frames: unknown[]) => boolean) => readSocket(path, headers, enough),
  }
}

export type Client = ReturnType<typeof clientWith>

async function readSocket(
  path: string,
  headers: Record<string, string>,
  enough: (frames: unknown[]) => boolean,
): Promise<{ frames: unknown[]; code: number | null }> {
  const response = await fetchWorker(`/api/v2${path}`, { headers: { ...headers, Upgrade: "websocket" } })
  expect([path, response.status]).toEqual([path, 101])
  const socket = response.webSocket!
  const frames: unknown[] = []
  const ended = Promise.withResolvers<number | null>()
  socket.addEventListener("message", (event) => {
    frames.push(JSON.parse(String(event.data)))
    if (enough(frames)) ended.resolve(null)
  })
  socket.addEventListener("close", ({ code }) => ended.resolve(code))
  socket.accept()
  const code = await Promise.race([ended.promise, scheduler.wait(5_000).then(() => -1)])
  if (code === null) socket.close(1000)
  return { frames, code }
}

/** Takes the next job of the daemon's organization and ends it well: two lines of log, and an agent for a start. */
export async function provision(provisioner: GivenProvisioner): Promise<{ agentToken: string | undefined }> {
  const { body: job } = await daemonCall(provisioner, "acquire")
  const line = (output: string) => ({
    created_at: "2026-03-04T09:00:00Z",
    source: "provisioner",
    level: "info",
    stage: "Running",
    output,
  })
  const updated = await daemonCall(provisioner, `jobs/${job.job_id}/update`, {
    logs: [line("one"), line("two")],
  })
  expect(updated.status).toBe(200)
  const agentToken = crypto.randomUUID()
  const isStart = job.build.transition === "start"
  const agents = [{ name: "main", os: "linux", arch: "amd64", token: agentToken }]
  const done = await daemonCall(provisioner, `jobs/${job.job_id}/complete`, {
    type: "workspace_build",
    resources: isStart ? [{ type: "docker_container", name: "main", agents }] : [],
  })
  expect([done.status, done.text]).toEqual([204, ""])
  return { agentToken: isStart ? agentToken : undefined }
}

/** As strict readers do: each key there, none of them null. */
export function expectKeys(thing: Record<string, unknown>, keys: readonly string[]): void {
  for (const key of keys) expect([key, thing[key] ?? "missing"]).not.toEqual([key, "missing"])
}
