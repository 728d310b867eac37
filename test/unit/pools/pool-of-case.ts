// Reads the pools of `test/cases/prebuilds.json` into the types of the plan.
import type { Pool } from "../../../src/pools/pool.ts"
import { prebuilds as cases } from "../../cases/read.ts"

export const groups = cases.groups

export type SnapshotCase = (typeof groups.presetSnapshots)[number]

export function poolOfCase(row: SnapshotCase): Pool {
  const countOf = (transition: string) =>
    (row.inProgress as { transition: string; count: number }[]).find(
      (build) => build.transition === transition,
    )?.count ?? 0
  return {
    preset: {
      usingActiveVersion: row.preset.usingActiveVersion,
      isTemplateDeleted: row.preset.deleted,
      isTemplateDeprecated: row.preset.deprecated,
      desiredInstances: row.preset.desiredInstances,
      timezone: row.preset.schedulingTimezone,
      schedules: row.schedules,
      ttlMs: row.preset.ttlSeconds === null ? null : row.preset.ttlSeconds * 1000,
      lastInvalidatedAt:
        row.preset.lastInvalidatedAt === null ? null : new Date(row.preset.lastInvalidatedAt),
    },
    running: row.running.map(({ id, createdAt, ready }) => ({
      id,
      createdAt: new Date(createdAt),
      isReady: ready,
    })),
    remnants: [],
    isHardLimited: false,
    inProgress: {
      starting: countOf("start"),
      stopping: countOf("stop"),
      deleting: countOf("delete"),
    },
    pendingCount: row.pendingCount,
    failures:
      row.backoff === null
        ? null
        : { failedCount: row.backoff.numFailed, lastBuildAt: new Date(row.backoff.lastBuildAt) },
  }
}
