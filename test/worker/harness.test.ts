// The harness itself, on which the other files of this folder rely.
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { localClock } from "../../dev/local/clock.ts"
import { api, at, afterEpoch, epoch, query, tick } from "./harness.ts"

describe("the harness", () => {
  test("gives the file a migrated database of its own", async () => {
    const [row] = await query(
      "select current_database() as name, to_regclass('workspaces')::text as found",
    )
    expect(row.name).toMatch(/^t_/)
    expect(row.found).toBe("workspaces")
  })
  test("reaches the Worker", async () => {
    const { status, body } = await api("/api/v2/no-such-route")
    expect(status).toBe(404)
    expect(body.message).toBeTypeOf("string")
  })
  test("starts at the epoch and moves when it is set", () => {
    expect(localClock()).toEqual(epoch)
    at(afterEpoch(1))
    expect(localClock()).toEqual(afterEpoch(1))
  })
  test("runs a tick", async () => {
    await tick(afterEpoch(60_000))
    const [ledger] = await query("select max(tick_at) as at from lifecycle_ticks")
    expect(ledger.at).toEqual(afterEpoch(60_000))
  })
  test("binds what the Worker needs", () => {
    expect(env.FILES).toBeDefined()
    expect(env.RATE_LIMIT_LOGIN).toBeDefined()
    expect(env.USAGE_TRACKER).toBeDefined()
  })
})
