// The board wakes daemons: one for a posted job, none that may not run it, and all that a missed wake-up left waiting.
import { runDurableObjectAlarm } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { afterEach, beforeEach, expect, test } from "vitest"
import { givenProvisioner, type GivenProvisioner } from "../given-people.ts"
import { at, epoch, fetchWorker, query } from "../harness.ts"
import { givenQueue } from "./given-jobs.ts"

beforeEach(() => at(epoch))
const opened: WebSocket[] = []
afterEach(() => {
  for (const socket of opened.splice(0)) socket.close(1000)
})

async function listen(provisioner: GivenProvisioner) {
  const response = await fetchWorker(`/api/v2/provisionerdaemons/${provisioner.daemonId}/listen`, {
    headers: { Upgrade: "websocket", "Coder-Provisioner-Daemon-Key": provisioner.key },
  })
  expect(response.status).toBe(101)
  const socket = response.webSocket!
  const frames: unknown[] = []
  socket.addEventListener("message", (event) => {
    frames.push(JSON.parse(String(event.data)))
  })
  socket.accept()
  opened.push(socket)
  return { socket, frames }
}

const untagged = { scope: "organization", owner: "" }

test("a post wakes one daemon that may run the job, the one that waited longest", async () => {
  const { organization, provisioner } = await givenQueue()
  const second = await givenProvisioner({ organization })
  const tagged = await givenProvisioner({ organization, tags: { ...untagged, zone: "a" } })
  const [one, two, three] = [await listen(provisioner), await listen(second), await listen(tagged)]
  const board = env.JOB_BOARD.getByName(organization.id)
  const job = { provisioner: "terraform", tags: untagged, count: 1 }
  expect(await board.post([job])).toBe(1)
  await expect.poll(() => one.frames.length + two.frames.length).toBe(1)
  at(new Date(epoch.getTime() + 1_000))
  expect(await board.post([job])).toBe(1)
  await expect.poll(() => [one.frames.length, two.frames.length]).toEqual([1, 1])
  expect(
    await board.post([
      { provisioner: "terraform", tags: { ...untagged, zone: "a" }, count: 1 },
      { provisioner: "echo", tags: untagged, count: 1 },
    ]),
  ).toBe(1)
  await expect.poll(() => three.frames).toEqual([{ type: "job" }])
})

test("as many wake as there are jobs of a kind, and no more", async () => {
  const { organization, provisioner } = await givenQueue()
  const fleet = [await listen(provisioner)]
  for (let more = 0; more < 3; more++) fleet.push(await listen(await givenProvisioner({ organization })))
  const board = env.JOB_BOARD.getByName(organization.id)
  const frames = () => fleet.map((one) => one.frames.length).toSorted((a, b) => a - b)
  expect(await board.post([{ provisioner: "terraform", tags: untagged, count: 3 }])).toBe(3)
  await expect.poll(frames).toEqual([0, 1, 1, 1])
  at(new Date(epoch.getTime() + 1_000))
  expect(await board.post([{ provisioner: "terraform", tags: untagged, count: 9 }])).toBe(4)
  await expect.poll(frames).toEqual([1, 2, 2, 2])
})

test("a daemon that is full is woken last", async () => {
  const { organization, provisioner } = await givenQueue()
  const full = await listen(provisioner)
  full.socket.send(JSON.stringify({ type: "free", count: 0 }))
  const idle = await listen(await givenProvisioner({ organization, columns: { created_at: epoch } }))
  const board = env.JOB_BOARD.getByName(organization.id)
  for (let posts = 0; posts < 3; posts++)
    await board.post([{ provisioner: "terraform", tags: untagged, count: 1 }])
  await expect.poll(() => idle.frames.length).toBe(3)
  expect(full.frames).toEqual([])
})

test("the alarm finds what no post told of, and nothing where nothing waits", async () => {
  const { organization, provisioner, build } = await givenQueue()
  const { frames } = await listen(provisioner)
  const board = env.JOB_BOARD.getByName(organization.id)
  expect(await runDurableObjectAlarm(board)).toBe(true)
  await expect.poll(() => frames).toEqual([{ type: "job" }])
  await query("update provisioner_jobs set started_at = $2 where id = $1", [build.jobId, epoch])
  expect(await runDurableObjectAlarm(board)).toBe(true)
  expect(frames).toHaveLength(1)
})

test("the alarm passes over a daemon that is full while another has a place", async () => {
  const { organization, provisioner } = await givenQueue()
  const full = await listen(provisioner)
  const idle = await listen(await givenProvisioner({ organization }))
  const board = env.JOB_BOARD.getByName(organization.id)
  // The idle one was woken last, so that by its turn alone it would come after the full one.
  full.socket.send(JSON.stringify({ type: "free", count: 0 }))
  at(new Date(epoch.getTime() + 1_000))
  await board.post([{ provisioner: "terraform", tags: untagged, count: 1 }])
  await expect.poll(() => idle.frames.length).toBe(1)
  expect(await runDurableObjectAlarm(board)).toBe(true)
  await expect.poll(() => idle.frames.length).toBe(2)
  expect(full.frames).toEqual([])
})

test("without a key, or as another key's daemon, nobody listens", async () => {
  const { provisioner } = await givenQueue()
  const stranger = await givenProvisioner()
  const path = `/api/v2/provisionerdaemons/${provisioner.daemonId}/listen`
  expect((await fetchWorker(path, { headers: { Upgrade: "websocket" } })).status).toBe(401)
  const headers = { Upgrade: "websocket", "Coder-Provisioner-Daemon-Key": stranger.key }
  expect((await fetchWorker(path, { headers })).status).toBe(404)
})
