// What explain foretells is what the ticks do: to each workspace of generated populations, at the
// minute that it named and not before.
import * as fc from "fast-check"
import { beforeAll, expect, test } from "vitest"
import { type Explanation, explanationSchema } from "../../../src/lifecycle/explain/view.ts"
import { givenProvisioner, givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { afterEpoch, api, at, query, tick } from "../harness.ts"
import { effectBetween } from "./effects.ts"
import {
  insertTemplates,
  insertWorkspaces,
  readFacts,
  templateSample,
  workspaceSample,
} from "./population.ts"

const minuteMs = 60_000
/** Ticks after the first, at the minutes that were foretold. */
const ticksMax = 4

let owner: GivenUser
let baseTemplateId = ""

beforeAll(async () => {
  await givenProvisioner()
  owner = await givenUser({ roles: ["owner"] })
  baseTemplateId = (await givenTemplate(owner)).id
})

async function explain(id: string): Promise<Explanation> {
  const { status, body } = await api(`/api/v2/workspaces/${id}/lifecycle`, { token: owner.token })
  expect(status).toBe(200)
  return explanationSchema.parse(body)
}

/** Daemons are seen and jobs are alive at the instant, so that nothing but the lifecycle acts. */
async function keepAlive(now: Date, hasProvisioner: boolean): Promise<void> {
  const seenAt = hasProvisioner ? now : new Date(now.getTime() - 91_000)
  await query("update provisioner_daemons set last_seen_at = $1", [seenAt])
  await query("update provisioner_jobs set updated_at = $1 where completed_at is null", [now])
}

const isTransition = (effect: string) => effect !== "none" && effect !== "remind"

test("each workspace does what explain predicted, at the predicted tick", async () => {
  const seen = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(
      fc.array(templateSample, { minLength: 4, maxLength: 4 }),
      fc.array(workspaceSample, { minLength: 40, maxLength: 50 }),
      fc.nat({ max: 7 * 24 * 60 }),
      fc.integer({ min: 0, max: 4 }).map((n) => n > 0),
      async (templates, samples, minute, hasProvisioner) => {
        let now = afterEpoch(minute * minuteMs)
        const templateIds = await insertTemplates(baseTemplateId, templates)
        const ids = await insertWorkspaces(samples, templateIds, templates, now)
        await keepAlive(now, hasProvisioner)
        at(now)
        const foretold = new Map<string, { at: number; effect: string }>()
        for (const id of ids) {
          const { next } = await explain(id)
          if (next === null) continue
          const effect = `${next.transition ?? "no-build"}/${next.reason}`
          foretold.set(id, { at: Date.parse(next.at), effect })
          seen.set(effect, (seen.get(effect) ?? 0) + 1)
        }
        const instants = new Set(
          [...foretold.values()].map((next) => next.at).filter((ms) => ms > now.getTime()),
        )
        const ticks = [now.getTime(), ...[...instants].toSorted((a, b) => a - b).slice(0, ticksMax)]
        const happened = new Set<string>()
        for (const tickAt of ticks) {
          // Without a provisioner what was foretold for later waits in its turn.
          if (!hasProvisioner && tickAt > now.getTime()) break
          now = new Date(tickAt)
          await keepAlive(now, hasProvisioner)
          const before = await readFacts(ids)
          await tick(now)
          const after = await readFacts(ids)
          for (const id of ids) {
            if (happened.has(id)) continue
            const next = foretold.get(id)
            const effect = effectBetween(before, after, id)
            const label = `${now.toISOString()} ${JSON.stringify(next)} ${JSON.stringify(before.get(id))}`
            if (next !== undefined && next.at === tickAt && hasProvisioner) {
              expect(effect, label).toBe(next.effect)
            } else
              expect(isTransition(effect), label).toBe(next?.at === tickAt && isTransition(effect))
            if (isTransition(effect)) happened.add(id)
          }
        }
        await query("update workspaces set deleted = true where id = any($1::uuid[])", [ids])
      },
    ),
    { numRuns: 3, endOnFailure: true },
  )
  expect(seen.size).toBeGreaterThanOrEqual(3)
}, 120_000)
