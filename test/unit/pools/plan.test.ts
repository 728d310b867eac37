// The plan of one pool against the cases, and what each state of a single workspace leads to.
import { describe, expect, test } from "vitest"
import { planPool, type PoolAction } from "../../../src/pools/plan.ts"
import { poolState } from "../../../src/pools/state.ts"
import type { Pool, Remnant } from "../../../src/pools/pool.ts"
import { groups, poolOfCase } from "./pool-of-case.ts"

test.each(groups.presetSnapshots)("snapshot: $name", (row) => {
  const pool = poolOfCase(row)
  const now = new Date(row.now)

  expect(poolState(pool, now)).toEqual(row.expected.state)
  expect(planPool(pool, now, row.backoffIntervalSeconds * 1000)).toEqual(
    row.expected.actions.map(actionOfCase),
  )
  if (row.expected.canSkip) expect(row.expected.actions).toEqual([])
})

test("a pool that shrinks by its schedule deletes the oldest prebuilds", () => {
  const row = groups.presetSnapshots.find(({ name }) => name.startsWith("scheduled shrink"))!
  const pool = poolOfCase(row)
  expect(planPool({ ...pool, running: pool.running.toReversed() }, new Date(row.now))).toEqual(
    planPool(pool, new Date(row.now)),
  )
})

test("a pool builds again one millisecond after its backoff", () => {
  const row = groups.presetSnapshots.find(({ name }) =>
    name.startsWith("exactly at the end of the backoff"),
  )!
  const after = new Date(new Date(row.now).getTime() + 1)
  expect(planPool(poolOfCase(row), after, row.backoffIntervalSeconds * 1000)).toEqual([
    { type: "create", count: 1 },
  ])
})

const now = new Date("2025-06-02T12:00:00Z")

const combinations = groups.reconciliationMatrix.flatMap((row) =>
  row.transitions.flatMap((transition) =>
    row.jobStatuses.flatMap((jobStatus) =>
      row.versionActive.flatMap((versionActive) =>
        row.templateDeleted.map((templateDeleted) => ({
          rule: row.rule,
          transition,
          jobStatus,
          versionActive,
          templateDeleted,
          createsNew: row.createsNew,
          deletesOld: row.deletesOld,
        })),
      ),
    ),
  ),
)

test.each(combinations)("$rule: $transition $jobStatus, active $versionActive", (row) => {
  const isInProgress = row.jobStatus === "pending" || row.jobStatus === "running"
  const count = (transition: string) =>
    isInProgress && row.versionActive && row.transition === transition ? 1 : 0
  // The reconcile deletes what the reference keeps: stopped, failed and canceled prebuilds.
  const isRemnant =
    row.jobStatus === "failed" ||
    row.jobStatus === "canceled" ||
    (row.transition === "stop" && row.jobStatus === "succeeded")
  const remnants: Remnant[] = isRemnant
    ? [
        {
          id: "old",
          state: row.jobStatus === "succeeded" ? "stopped" : (row.jobStatus as "failed"),
          isStart: row.transition === "start",
          buildNumber: 1,
          builtAt: new Date(now.getTime() - 2 * 3_600_000),
        },
      ]
    : []
  const pool: Pool = {
    preset: {
      usingActiveVersion: row.versionActive,
      isTemplateDeleted: row.templateDeleted,
      isTemplateDeprecated: false,
      desiredInstances: 1,
      timezone: "",
      schedules: [],
      ttlMs: null,
      lastInvalidatedAt: null,
    },
    running:
      row.transition === "start" && row.jobStatus === "succeeded"
        ? [{ id: "old", createdAt: now, isReady: true }]
        : [],
    remnants,
    isHardLimited: false,
    inProgress: { starting: count("start"), stopping: count("stop"), deleting: count("delete") },
    pendingCount:
      row.transition === "start" && row.jobStatus === "pending" && !row.versionActive ? 1 : 0,
    failures: null,
  }

  const actions = planPool(pool, now)

  if (row.createsNew !== null)
    expect(actions.some(({ type }) => type === "create")).toBe(row.createsNew)
  if (row.deletesOld !== null)
    expect(actions.some(({ type }) => type === "delete")).toBe(isRemnant || row.deletesOld)
})

describe("a remnant", () => {
  const row = groups.presetSnapshots.find(({ running }) => running.length === 0)!
  const remnant = (id: string, minutesAgo: number, changes: Partial<Remnant> = {}): Remnant => ({
    id,
    state: "failed",
    isStart: true,
    buildNumber: 1,
    builtAt: new Date(now.getTime() - minutesAgo * 60_000),
    ...changes,
  })
  const deleted = (remnants: Remnant[], changes: Partial<Pool> = {}) => {
    const pool = { ...poolOfCase(row), failures: null, remnants, ...changes }
    pool.preset = { ...pool.preset, usingActiveVersion: true, isTemplateDeleted: false }
    return planPool({ ...pool, ...changes }, now).flatMap((action) =>
      action.type === "delete" ? action.ids : [],
    )
  }

  test("is deleted a minute after its first build, later after more builds", () => {
    const stopped = { state: "stopped", isStart: false } as const
    expect(deleted([remnant("a", 0.9, stopped), remnant("b", 1, stopped)])).toEqual(["b"])
    expect(deleted([remnant("a", 4.9, { ...stopped, buildNumber: 5 })])).toEqual([])
    expect(deleted([remnant("a", 5, { ...stopped, buildNumber: 5 })])).toEqual(["a"])
  })

  test("stays while the backoff counts it, except beyond the hard limit's newest", () => {
    expect(deleted([remnant("a", 59), remnant("b", 61)])).toEqual(["b"])
    expect(deleted([5, 4, 3, 2].map((minutes) => remnant(`m${minutes}`, minutes)))).toEqual(["m5"])
    expect(deleted([remnant("a", 5, { state: "canceled" })])).toEqual(["a"])
  })

  test("stays while the hard limit counts it", () => {
    const three = ["a", "b", "c"].map((id) => remnant(id, 600))
    expect(deleted(three, { isHardLimited: true })).toEqual([])
    expect(deleted(three)).toEqual(["a", "b", "c"])
  })

  test("waits for the backoff of its pool", () => {
    const failures = { failedCount: 1, lastBuildAt: now }
    expect(deleted([remnant("a", 120)], { failures })).toEqual([])
  })

  test("is deleted in an inactive pool", () => {
    const { preset } = poolOfCase(row)
    const pool = {
      ...poolOfCase(row),
      failures: null,
      preset: { ...preset, isTemplateDeleted: true },
      remnants: [remnant("a", 5)],
      isHardLimited: true,
    }
    expect(planPool(pool, now)).toContainEqual({ type: "delete", ids: ["a"] })
  })
})

function actionOfCase(action: {
  type: string
  ids?: string[]
  count?: number
  until?: string
}): PoolAction {
  switch (action.type) {
    case "backoff":
      return { type: "backoff", until: new Date(action.until ?? "") }
    case "delete":
      return { type: "delete", ids: action.ids ?? [] }
    case "create":
      return { type: "create", count: action.count ?? 0 }
    default:
      return { type: "cancel_pending" }
  }
}
