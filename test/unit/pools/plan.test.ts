// The plan of one pool against the cases, and what each state of a single workspace leads to.
import { expect, test } from "vitest"
import { planPool, type PoolAction } from "../../../src/pools/plan.ts"
import { poolState } from "../../../src/pools/state.ts"
import type { Pool } from "../../../src/pools/pool.ts"
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
    inProgress: { starting: count("start"), stopping: count("stop"), deleting: count("delete") },
    pendingCount:
      row.transition === "start" && row.jobStatus === "pending" && !row.versionActive ? 1 : 0,
    failures: null,
  }

  const actions = planPool(pool, now)

  if (row.createsNew !== null)
    expect(actions.some(({ type }) => type === "create")).toBe(row.createsNew)
  if (row.deletesOld !== null)
    expect(actions.some(({ type }) => type === "delete")).toBe(row.deletesOld)
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
