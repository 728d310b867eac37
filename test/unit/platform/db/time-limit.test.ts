// The time limit of the database client and a blocked isolate.
import { setImmediate } from "node:timers/promises"
import { expect, test } from "vitest"
import { startTimeLimit } from "../../../../src/platform/db/time-limit.ts"

test("the limit does not expire when the isolate was blocked for longer than it", async () => {
  let isExpired = false
  const cancel = startTimeLimit(150, () => {
    isExpired = true
  })
  const start = performance.now()
  while (performance.now() - start < 300);
  // The timers that came due during the block fire before the second turn of the loop.
  await setImmediate()
  await setImmediate()
  expect(isExpired).toBe(false)
  cancel()
})

test("the limit expires when the isolate is idle", async () => {
  await new Promise<void>((resolve) => startTimeLimit(15, resolve))
})
