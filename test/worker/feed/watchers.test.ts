// An event stream as a watcher: what a reader that does not read costs.
import { expect, test } from "vitest"
import { eventStreamWatcher } from "../../../src/feed/watchers.ts"
import type { WatchState } from "../../../src/platform/durable/watch.ts"

const state: WatchState = {
  kind: "workspace",
  id: "w",
  keyId: "k",
  userId: "u",
  workspaceId: "w",
  templateId: null,
  inbox: null,
  cursor: null,
}

test("a stream ends when 64 events wait for its reader", () => {
  let goneCount = 0
  const { watcher } = eventStreamWatcher(state, () => (goneCount += 1))
  for (let sent = 1; sent <= 64; sent++) watcher.send({ type: "ping" })
  expect(goneCount).toBe(0)
  watcher.send({ type: "ping" })
  expect(goneCount).toBe(1)
})

test("a stream stays open while it is read, until it is ended", async () => {
  let goneCount = 0
  const { watcher, body } = eventStreamWatcher(state, () => (goneCount += 1))
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  for (let sent = 1; sent <= 200; sent++) {
    watcher.send({ type: "ping" })
    expect((await reader.read()).value).toBe("event: ping\n\n")
  }
  expect(goneCount).toBe(0)
  watcher.end({ code: 1000, reason: "done" })
  expect((await reader.read()).done).toBe(true)
  expect(goneCount).toBeGreaterThan(0)
})
