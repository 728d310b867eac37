// The view and the tick against the model, on generated populations.
//
// They agree on what is transitioned, on what is left alone, and on the bound. The bound is never
// later than the next thing that is due.
import * as fc from "fast-check"
import { beforeAll, expect, test } from "vitest"
import { givenProvisioner, givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenDormancy } from "../given-workspaces.ts"
import { afterEpoch, query, tick } from "../harness.ts"
import { effectBetween, expectBound } from "./effects.ts"
import { decide } from "./model.ts"
import {
  insertTemplates,
  insertWorkspaces,
  readFacts,
  templateSample,
  workspaceSample,
} from "./population.ts"

const minuteMs = 60_000
let baseTemplateId = ""

beforeAll(async () => {
  await givenProvisioner()
  baseTemplateId = (await givenTemplate(await givenUser())).id
})

type Edit =
  | { kind: "use"; agoMs: number }
  | { kind: "deadline"; inMs: number }
  | { kind: "schedule"; text: string | null }
  | { kind: "dormant" }
  | { kind: "wake" }
  | { kind: "status"; status: string }
  | { kind: "policy"; column: string; ms: number }
  | { kind: "finish"; outcome: "succeeded" | "failed" }

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant("use" as const), agoMs: fc.nat({ max: 30 * minuteMs }) }),
  fc.record({
    kind: fc.constant("deadline" as const),
    inMs: fc.integer({ min: -minuteMs, max: 120 * minuteMs }),
  }),
  fc.record({
    kind: fc.constant("schedule" as const),
    text: fc.constantFrom(null, "* * * * *", "CRON_TZ=UTC 30 * * * *"),
  }),
  fc.constant({ kind: "dormant" as const }),
  fc.constant({ kind: "wake" as const }),
  fc.record({
    kind: fc.constant("status" as const),
    status: fc.constantFrom("active", "suspended", "dormant"),
  }),
  fc.record({
    kind: fc.constant("policy" as const),
    column: fc.constantFrom(
      "failure_ttl_ms",
      "time_til_dormant_ms",
      "time_til_dormant_autodelete_ms",
      "time_til_autostop_notify_ms",
      "activity_bump_ms",
    ),
    ms: fc.constantFrom(0, minuteMs, 30 * minuteMs),
  }),
  fc.record({
    kind: fc.constant("finish" as const),
    outcome: fc.constantFrom("succeeded", "failed"),
  }),
)

/** The writes that the API, the tracker and the provisioner make, reduced to their columns. */
async function apply(change: Edit, id: string, now: Date): Promise<void> {
  const live = "id = $1 and not deleted and owner_id <> prebuilds_user_id()"
  const ahead = (ms: number) => new Date(now.getTime() + ms)
  switch (change.kind) {
    case "use":
      await query("update workspaces set last_used_at = greatest(last_used_at, $2) where id = $1", [
        id,
        ahead(-change.agoMs),
      ])
      return
    case "deadline":
      await query(
        `update workspace_builds set deadline = least($2, max_deadline) where id = (select latest_build_id from workspaces where ${live})`,
        [id, ahead(change.inMs)],
      )
      return
    case "schedule":
      await query(
        `update workspaces set autostart_schedule = $2, next_start_at = null where ${live}`,
        [id, change.text],
      )
      return
    case "dormant":
      await givenDormancy(id, now, ahead(minuteMs))
      return
    case "wake":
      await query(
        `update workspaces set dormant_at = null, deleting_at = null, last_used_at = $2 where ${live} and dormant_at is not null`,
        [id, now],
      )
      return
    case "status":
      await query(
        "update users set status = $2 where id = (select owner_id from workspaces where id = $1) and not is_system",
        [id, change.status],
      )
      return
    case "policy":
      await query(
        `update templates set ${change.column} = $2 where id = (select template_id from workspaces where id = $1)`,
        [id, change.ms],
      )
      return
    case "finish":
      await query(
        `update provisioner_jobs j set started_at = coalesce(started_at, $2), completed_at = $2,
          error = $3
         from workspace_builds b join workspaces w on w.latest_build_id = b.id
           where b.job_id = j.id and w.id = $1 and j.completed_at is null`,
        [id, now, change.outcome === "failed" ? "failed" : null],
      )
  }
}

test("a tick does what the model says to each of thousands of workspaces", async () => {
  let seen = 0
  const effects = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(
      fc.array(templateSample, { minLength: 4, maxLength: 4 }),
      fc.array(workspaceSample, { minLength: 120, maxLength: 160 }),
      fc.nat({ max: 7 * 24 * 60 }),
      fc.integer({ min: 0, max: 4 }).map((n) => n > 0),
      async (templates, samples, minute, hasProvisioner) => {
        const now = afterEpoch(minute * minuteMs)
        // A daemon that fell silent a second too long ago, and not one so old that the retention
        // sweep takes it away.
        const seenAt = hasProvisioner ? now : new Date(now.getTime() - 91_000)
        await query("update provisioner_daemons set last_seen_at = $1", [seenAt])
        const ids = await insertWorkspaces(
          samples,
          await insertTemplates(baseTemplateId, templates),
          templates,
          now,
        )
        const before = await readFacts(ids)
        await tick(now)
        const after = await readFacts(ids)
        for (const id of ids) {
          const facts = before.get(id)
          if (facts === undefined) throw new Error("unread")
          const expected = decide(facts, now, hasProvisioner)
          expect(effectBetween(before, after, id), JSON.stringify(facts)).toBe(expected)
          effects.set(expected, (effects.get(expected) ?? 0) + 1)
          const is = after.get(id)
          if (is !== undefined && hasProvisioner) expectBound(is, now)
        }
        seen += ids.length
        await query("update workspaces set deleted = true where id = any($1::uuid[])", [ids])
      },
    ),
    { numRuns: 20, endOnFailure: true },
  )
  expect(seen).toBeGreaterThan(2000)
  expect([...effects.keys()].toSorted((a, b) => a.localeCompare(b))).toEqual([
    "delete/autodelete",
    "no-build/dormancy",
    "none",
    "remind",
    "start/autostart",
    "stop/autostop",
    "stop/dormancy",
  ])
}, 120_000)

test("the bound is early enough after any sequence of changes and ticks", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(templateSample, { minLength: 4, maxLength: 4 }),
      fc.array(workspaceSample, { minLength: 12, maxLength: 12 }),
      fc.array(
        fc.tuple(
          fc.array(fc.tuple(edit, fc.nat({ max: 11 })), { maxLength: 8 }),
          fc.integer({ min: 1, max: 90 }),
        ),
        {
          minLength: 4,
          maxLength: 6,
        },
      ),
      async (templates, samples, steps) => {
        let now = afterEpoch(30 * 24 * 60 * minuteMs)
        const ids = await insertWorkspaces(
          samples,
          await insertTemplates(baseTemplateId, templates),
          templates,
          now,
        )
        for (const [edits, minutes] of steps) {
          for (const [change, index] of edits) await apply(change, ids[index] ?? "", now)
          for (const facts of (await readFacts(ids)).values()) expectBound(facts, now)
          now = new Date(now.getTime() + minutes * minuteMs)
          await query("update provisioner_daemons set last_seen_at = $1", [now])
          // Or the reaper would end what stays active, before the rules run.
          await query("update provisioner_jobs set updated_at = $1 where completed_at is null", [
            now,
          ])
          const before = await readFacts(ids)
          await tick(now)
          const after = await readFacts(ids)
          for (const id of ids) {
            const facts = before.get(id)
            if (facts === undefined) throw new Error("unread")
            expect(effectBetween(before, after, id), JSON.stringify(facts)).toBe(decide(facts, now))
          }
          for (const facts of after.values()) expectBound(facts, now)
        }
        await query("update workspaces set deleted = true where id = any($1::uuid[])", [ids])
      },
    ),
    { numRuns: 5, endOnFailure: true },
  )
}, 120_000)
