// The whole system under trouble, in a short form, with real daemons and real scripts: nothing is
// lost, nothing ends twice.
import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import {
  chaosCellNames,
  type ChaosRunner,
  prepareChaos,
} from "../../../../bench/lib/queue-chaos.ts"

let chaos: ChaosRunner
beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), "chaos-"))
  chaos = await prepareChaos(directory, { workspaceCount: 6, daemonCount: 2, workMs: 1_000 })
}, 120_000)
afterAll(() => chaos.stop())

test.each(chaosCellNames)(
  "%s: every build ends once, and what was reaped can be built again",
  async (cell) => {
    const { builds, succeeded, reaped, lost, twice, rebuilt } = await chaos.run(cell)
    expect({ lost, twice, ended: succeeded + reaped, rebuilt }).toEqual({
      lost: 0,
      twice: 0,
      ended: builds,
      rebuilt: reaped,
    })
    if (cell === "a daemon killed") expect(reaped).toBeGreaterThan(0)
  },
  300_000,
)
