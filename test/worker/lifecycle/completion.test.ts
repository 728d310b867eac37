// A completion that reads its inputs, computes the deadline, and writes it if they still hold.
import { neonConfig } from "@neondatabase/serverless"
import { afterEach, expect, test } from "vitest"
import { api, at, query } from "../harness.ts"
import { completeJob, givenWorld, takeJob } from "../pools/given-world.ts"

const now = new Date("2026-03-04T09:00:00Z")
const hourMs = 3_600_000
const send = neonConfig.fetchFunction as typeof fetch
afterEach(() => {
  neonConfig.fetchFunction = send
})

test("a completion computes the deadline again when its inputs changed", async () => {
  const world = await givenWorld({}, 0)
  at(now)
  const body = { name: "w", template_id: world.template.id, ttl_ms: hourMs }
  const created = await api("/api/v2/users/me/workspaces", { token: world.owner.token, body })
  expect(created.status).toBe(201)
  const { id } = created.body
  const job = await takeJob(world, now)
  let writes = 0
  neonConfig.fetchFunction = async (...request: Parameters<typeof fetch>) => {
    if (JSON.stringify(request[1]?.body).includes("agent_tokens = null")) {
      writes += 1
      if (writes === 1)
        await query("update workspaces set ttl_ms = $2 where id = $1", [id, 2 * hourMs])
    }
    return send(...request)
  }
  await completeJob(world, job)
  const [build] = await query("select deadline from workspace_builds where workspace_id = $1", [id])
  expect(build.deadline).toEqual(new Date(now.getTime() + 2 * hourMs))
  expect(writes).toBe(2)
})
