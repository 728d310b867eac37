// The agent reports metadata values that are due together in one call.
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { gatherValues, type MetadataValue } from "../../../src/programs/agent/metadata.ts"

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const valueOf = (key: string, value = "1"): MetadataValue => ({ key, value, error: "" })

/** The calls, each as its keys and values. */
function given(answer: () => Promise<unknown> = async () => null) {
  const calls: string[][] = []
  const send = gatherValues((values) => {
    calls.push(values.map(({ key, value }) => `${key}=${value}`))
    return answer()
  })
  return { calls, send }
}

test("sends values within a quarter of a second in one call, the newest of each key", async () => {
  const { calls, send } = given()
  const first = [send(valueOf("cpu")), send(valueOf("ram"))]
  await vi.advanceTimersByTimeAsync(249)
  first.push(send(valueOf("cpu", "2")))
  expect(calls).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  await Promise.all(first)
  const later = send(valueOf("disk"))
  await vi.advanceTimersByTimeAsync(250)
  await later
  expect(calls).toEqual([["cpu=2", "ram=1"], ["disk=1"]])
})

test("sends the next call while one is in flight, with at most 256 keys in each", async () => {
  const { calls, send } = given(() => new Promise(() => {}))
  for (let i = 0; i < 300; i++) void send(valueOf(`key-${i}`))
  await vi.advanceTimersByTimeAsync(250)
  void send(valueOf("late"))
  await vi.advanceTimersByTimeAsync(250)
  expect(calls.map((call) => call.length)).toEqual([256, 44, 1])
})

test("a failed call rejects each value that it carried", async () => {
  const { send } = given(() => Promise.reject(new Error("refused")))
  const sent = [send(valueOf("cpu")), send(valueOf("ram"))].map((one) =>
    expect(one).rejects.toThrow("refused"),
  )
  await vi.advanceTimersByTimeAsync(250)
  await Promise.all(sent)
})
