// The write of one batch: one statement decides and acts on what is due.
//
// A tick that dies leaves no half of a batch behind.
import { sql, type SQL } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { withSteps } from "../../platform/db/steps.ts"
import { supply } from "../rules/blocks.ts"
import { takeDue } from "../rules/due.ts"
import { later, moved, nextBounds } from "./bound-steps.ts"
import { builds, done, reminded, requests } from "./build-steps.ts"
import {
  acting,
  judged,
  type JudgeInput,
  rules,
  seen,
  type SeeInput,
  firing,
} from "./judge-steps.ts"
import { audited, notifiedDormant, notifiedReminder, notifiedUpdated } from "./message-steps.ts"

export type { Carry } from "./judge-steps.ts"

export type BatchInput = SeeInput &
  JudgeInput & {
    now: Date
    /** The most workspaces to take. */
    size: number
  }

export type BatchResult = {
  taken: number
  /** Counts by rule of what was done, and by block of what waits. */
  done: Record<string, number>
  waiting: Record<string, number>
  moved: number
  /** The workspaces that changed, whose watchers are notified. */
  changed: string[]
  /** The jobs that were made. The daemons are notified of them. */
  jobs: {
    organization_id: string
    provisioner: string
    tags: Record<string, string>
    count: number
  }[]
}

/**
 * Takes a batch of due workspaces, applies to each the first rule that is due and not blocked, and
 * moves every bound.
 *
 * Reads by the index workspaces_check_at, locks the rows, and skips those that others hold.
 * Precondition: a locked row is still the version that the statement's snapshot shows; otherwise it
 * is left for the next round. Run twice, or ten at once: a workspace is in one batch only, and the
 * unique (workspace_id, build_number) is the second lock. One CTE alone writes the workspace row.
 * What a build changes on it is written by the trigger, after the statement.
 */
export function runBatch(input: BatchInput): Statement<BatchResult> {
  const { now, size } = input
  const steps = withSteps(takeDue(now, size))
    .add(seen(input))
    .add(rules)
    .add(firing(now))
    .add(supply(now))
    .add(judged(input))
    .add(acting)
    .add(requests)
    .add(builds(now))
    .add(done(now))
    .add(reminded(now))
    .add(later(now))
    .add(nextBounds(now))
    .add(moved(now))
    .add(audited(now))
    .add(notifiedDormant(now))
    .add(notifiedReminder(now))
    .add(notifiedUpdated(now))
  return statement("lifecycle.run-batch", steps.select(report))
}

const report: SQL = sql`
    select (select count(*)::int from due) as taken,
      (select coalesce(jsonb_object_agg(rule, n), '{}')
        from (select rule, count(*) as n from done group by rule) d) as done,
      (select coalesce(jsonb_object_agg(blocked_by, n), '{}') from (
        select blocked_by, count(*) as n from judged
        where blocked_by is not null group by blocked_by) d) as waiting,
      (select count(*)::int from moved) as moved,
      (select coalesce(jsonb_agg(workspace_id), '[]')
        from done where rule <> 'reminder') as changed,
      (select coalesce(jsonb_agg(d), '[]') from (
        select organization_id, provisioner, tags, count(*)::int as count
        from jobs group by 1, 2, 3) d) as jobs`
