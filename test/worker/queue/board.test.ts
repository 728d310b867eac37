// The board of a domain: whom a notification wakes, and what its alarm repairs.
import { runDurableObjectAlarm } from "cloudflare:test"
import { beforeEach, describe, expect, test } from "vitest"
import { withFaults } from "../faults.ts"
import { givenProvisioner } from "../given-people.ts"
import { afterEpoch, api, at, epoch, fetchWorker, query } from "../harness.ts"
import { givenQueue } from "./given-jobs.ts"
import { boardOf, countingCalls, listen, untagged } from "./listening.ts"

beforeEach(() => at(epoch))

describe("a notification", () => {
  test("wakes one daemon, the one that waited longest", async () => {
    const { organization, provisioner } = await givenQueue()
    const second = await givenProvisioner({ organization })
    const [one, two] = [await listen(provisioner), await listen(second)]
    const board = await boardOf(organization)
    expect(await board.notify(1)).toBe(1)
    await expect.poll(() => one.frames.length + two.frames.length).toBe(1)
    at(afterEpoch(1_000))
    expect(await board.notify(1)).toBe(1)
    await expect
      .poll(() => [one.frames, two.frames])
      .toEqual([[{ type: "job" }], [{ type: "job" }]])
  })

  test("wakes as many daemons as there are jobs", async () => {
    const { organization, provisioner } = await givenQueue()
    const fleet = [await listen(provisioner)]
    for (let more = 0; more < 3; more++)
      fleet.push(await listen(await givenProvisioner({ organization })))
    const board = await boardOf(organization)
    const frames = () => fleet.map((one) => one.frames.length).toSorted((a, b) => a - b)
    expect(await board.notify(3)).toBe(3)
    await expect.poll(frames).toEqual([0, 1, 1, 1])
    at(afterEpoch(1_000))
    expect(await board.notify(9)).toBe(4)
    await expect.poll(frames).toEqual([1, 2, 2, 2])
  })

  test("skips a full daemon until it has a free slot again", async () => {
    const { organization, provisioner } = await givenQueue()
    const full = await listen(provisioner)
    const idle = await listen(await givenProvisioner({ organization }))
    const board = await boardOf(organization)
    full.report(0)
    await expect.poll(() => board.notify(2)).toBe(1)
    const before = idle.frames.length
    for (let hints = 0; hints < 3; hints++) expect(await board.notify(2)).toBe(1)
    await expect.poll(() => idle.frames.length).toBeGreaterThanOrEqual(before + 3)
    full.report(1)
    await expect.poll(() => board.notify(2)).toBe(2)
  })

  test("reserves a slot per hint until the daemon reports, for at most ten seconds", async () => {
    const { organization, provisioner } = await givenQueue()
    const { report } = await listen(provisioner)
    const board = await boardOf(organization)
    report(2)
    // Hints reserve nothing before the first report arrives.
    await expect
      .poll(async () => [await board.notify(1), await board.notify(1), await board.notify(1)])
      .toEqual([0, 0, 0])
    report(1)
    await expect.poll(() => board.notify(1)).toBe(1)
    expect(await board.notify(1)).toBe(0)
    at(afterEpoch(9_999))
    expect(await board.notify(1)).toBe(0)
    at(afterEpoch(10_000))
    expect(await board.notify(1)).toBe(1)
  })

  test("counts a daemon once that has an old and a new socket", async () => {
    const { organization, provisioner } = await givenQueue()
    const [old, young] = [await listen(provisioner), await listen(provisioner)]
    const board = await boardOf(organization)
    expect(await board.notify(5)).toBe(1)
    await expect.poll(() => [old.frames.length, young.frames.length]).toEqual([1, 1])
  })
})

describe("the alarm", () => {
  test("finds a job without a hint, and wakes nobody when nothing waits", async () => {
    const { organization, provisioner, build } = await givenQueue()
    const { frames } = await listen(provisioner)
    const board = await boardOf(organization)
    expect(await runDurableObjectAlarm(board)).toBe(true)
    await expect.poll(() => frames).toEqual([{ type: "job" }])
    await query("update provisioner_jobs set started_at = $2 where id = $1", [build.jobId, epoch])
    expect(await runDurableObjectAlarm(board)).toBe(true)
    expect(await board.notify(1)).toBe(1)
    await expect.poll(() => frames).toHaveLength(2)
  })

  test("queries once for all its daemons, and again in 30 s while one waits", async () => {
    const { organization, provisioner } = await givenQueue()
    const fleet = [
      await listen(provisioner),
      await listen(await givenProvisioner({ organization })),
    ]
    const board = await boardOf(organization)
    for (let minute = 0; minute < 3; minute++) {
      expect(await countingCalls(() => runDurableObjectAlarm(board))).toBe(1)
    }
    for (const { socket } of fleet) socket.close(1000)
    await expect.poll(() => board.notify(1)).toBe(0)
    expect(await countingCalls(() => runDurableObjectAlarm(board))).toBe(0)
    // That was the last alarm: the board sleeps until a daemon connects.
    expect(await runDurableObjectAlarm(board)).toBe(false)
    await listen(provisioner)
    expect(await countingCalls(() => runDurableObjectAlarm(board))).toBe(1)
  })

  test("wakes nobody while every daemon is full, but still reviews them", async () => {
    const { organization, provisioner } = await givenQueue()
    const { frames, report } = await listen(provisioner)
    const board = await boardOf(organization)
    report(0)
    await expect.poll(() => board.notify(1)).toBe(0)
    const before = frames.length
    expect(await countingCalls(() => runDurableObjectAlarm(board))).toBe(1)
    expect(frames).toHaveLength(before)
    report(1)
    await expect.poll(() => board.notify(1)).toBe(1)
    report(1)
    at(afterEpoch(30_000))
    expect(await countingCalls(() => runDurableObjectAlarm(board))).toBe(1)
    await expect.poll(() => frames.length).toBe(before + 2)
  })

  test("skips a full daemon while another has a free slot", async () => {
    const { organization, provisioner } = await givenQueue()
    const full = await listen(provisioner)
    const idle = await listen(await givenProvisioner({ organization }))
    const board = await boardOf(organization)
    full.report(0)
    await expect.poll(() => board.notify(2)).toBe(1)
    // The idle daemon was woken last, so by turn alone it would come after the full one.
    at(afterEpoch(1_000))
    const before = { full: full.frames.length, idle: idle.frames.length }
    expect(await runDurableObjectAlarm(board)).toBe(true)
    await expect.poll(() => idle.frames.length).toBe(before.idle + 1)
    expect(full.frames).toHaveLength(before.full)
  })

  test("repairs its own domain only", async () => {
    const { organization, provisioner, build } = await givenQueue()
    const tags = { ...untagged, zone: "a" }
    const tagged = await listen(await givenProvisioner({ organization, tags }))
    const plain = await listen(provisioner)
    const [board, taggedBoard] = [await boardOf(organization), await boardOf(organization, tags)]
    expect(await countingCalls(() => runDurableObjectAlarm(taggedBoard))).toBe(1)
    expect(await runDurableObjectAlarm(board)).toBe(true)
    await expect.poll(() => plain.frames).toHaveLength(1)
    expect(tagged.frames).toEqual([])
    await query("update provisioner_jobs set tags = $2 where id = $1", [build.jobId, tags])
    expect(await runDurableObjectAlarm(board)).toBe(true)
    expect(await runDurableObjectAlarm(taggedBoard)).toBe(true)
    await expect.poll(() => tagged.frames).toHaveLength(1)
    expect(plain.frames).toHaveLength(1)
  })

  test("survives a database failure, and queries again", async () => {
    const { organization, provisioner } = await givenQueue()
    const { frames } = await listen(provisioner)
    const board = await boardOf(organization)
    const { calls } = await withFaults(
      () => "request_lost",
      () => runDurableObjectAlarm(board),
    )
    expect(calls).toBeGreaterThan(0)
    expect(await runDurableObjectAlarm(board)).toBe(true)
    await expect.poll(() => frames).toHaveLength(1)
  })
})

describe("a daemon listens at the board of its own domain", () => {
  const register = async (key: string, tags: Record<string, string>) =>
    (
      await api("/api/v2/provisionerdaemons", {
        body: { name: "movable", provisioners: ["terraform"], tags },
        headers: { "Coder-Provisioner-Daemon-Key": key },
      })
    ).body

  test("when it registers with other tags: the old board closes its socket", async () => {
    const { organization, provisioner } = await givenQueue()
    const { key } = provisioner
    const first = await register(key, { zone: "a" })
    const before = await listen({ key, daemonId: first.id })
    const second = await register(key, { zone: "b" })
    expect(second.id).toBe(first.id)
    const after = await listen({ key, daemonId: second.id })
    const [old, young] = [
      await boardOf(organization, first.tags),
      await boardOf(organization, second.tags),
    ]
    expect(await runDurableObjectAlarm(old)).toBe(true)
    await expect.poll(() => before.closes).toEqual([4000])
    expect(await old.notify(1)).toBe(0)
    expect(await runDurableObjectAlarm(young)).toBe(true)
    expect(await young.notify(1)).toBe(1)
    await expect.poll(() => after.frames).toEqual([{ type: "job" }])
    expect(after.closes).toEqual([])
  })

  test("by its key's tags, in any order, length and script", async () => {
    const { organization } = await givenQueue()
    const many = Object.fromEntries(
      Array.from({ length: 30 }, (_, n) => [`${n}-${"k".repeat(60)}`, "v".repeat(200)]),
    )
    const tags = { ...untagged, zone: "東京", ...many }
    const { frames } = await listen(await givenProvisioner({ organization, tags }))
    const reversed = Object.fromEntries(Object.entries(tags).toReversed())
    expect(
      await (await boardOf(organization, reversed, ["terraform", "terraform"])).notify(1),
    ).toBe(1)
    await expect.poll(() => frames).toHaveLength(1)
  })

  test("until its key is revoked: the alarm closes its socket within 30 s", async () => {
    const { organization, provisioner } = await givenQueue()
    const { closes, report } = await listen(provisioner)
    const board = await boardOf(organization)
    report(0)
    await expect.poll(() => board.notify(1)).toBe(0)
    await query("delete from provisioner_keys where id = $1", [provisioner.keyId])
    // The alarm fires 30 s after the last one, also for a daemon without a free slot.
    expect(await runDurableObjectAlarm(board)).toBe(true)
    await expect.poll(() => closes).toEqual([4000])
  })
})

test("listening needs the key of the daemon", async () => {
  const { provisioner } = await givenQueue()
  const stranger = await givenProvisioner()
  const path = `/api/v2/provisionerdaemons/${provisioner.daemonId}/listen`
  expect((await fetchWorker(path, { headers: { Upgrade: "websocket" } })).status).toBe(401)
  const headers = { Upgrade: "websocket", "Coder-Provisioner-Daemon-Key": stranger.key }
  expect((await fetchWorker(path, { headers })).status).toBe(404)
})
