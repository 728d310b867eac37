// How soon a followed log ends for a real client: Node's own WebSocket, against `npm start`.
//
// A hibernating socket of workerd ends ten seconds after its close frame. Half of that is the limit
// here, since a loaded machine is slow but not that slow.
import { join } from "node:path"
import { expect, test } from "vitest"
import { createApiClient } from "../../dev/local/api-client.ts"
import { readSecrets } from "../../dev/local/secrets.ts"
import { firstUser, signIn } from "../../dev/local/seed.ts"
import { rootDirectory } from "../../dev/root.ts"

const url = (process.env["DORMOUSE_URL"] ?? "http://127.0.0.1:7080").replace(/\/+$/, "")
const closeMsMax = 5_000

/** Follows the log until the socket has ended. */
async function follow(path: string, token: string): Promise<{ code: number; frames: number }> {
  const address = `${url.replace(/^http/, "ws")}/api/v2${path}`
  const socket = new WebSocket(`${address}?follow&coder_session_token=${token}`)
  let frames = 0
  socket.addEventListener("message", () => (frames += 1))
  return new Promise((resolve) => {
    socket.addEventListener("close", ({ code }) => resolve({ code, frames }))
  })
}

test("a log of a build that has ended closes promptly", async () => {
  const anonymous = createApiClient(url)
  const { password } = readSecrets(join(rootDirectory, ".data"))
  const admin = await signIn(anonymous, password)
  const { session_token: token } = await anonymous.call("POST", "/users/login", {
    email: firstUser.email,
    password,
  })
  const { workspaces } = await admin.call("GET", "/workspaces")
  const ended = workspaces.find((one: { latest_build: { job: { completed_at?: string } } }) =>
    Boolean(one.latest_build.job.completed_at),
  )
  const startedAt = performance.now()
  const { code, frames } = await follow(`/workspacebuilds/${ended.latest_build.id}/logs`, token)
  expect(code).toBe(1000)
  expect(frames).toBeGreaterThan(0)
  expect(performance.now() - startedAt).toBeLessThan(closeMsMax)
})
