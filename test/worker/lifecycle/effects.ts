// What tests ask of two readings of a population: what happened to a workspace between them, and
// whether its bound is early enough.
import { expect } from "vitest"
import { candidateInstants, decide, type Facts } from "./model.ts"
import type { readFacts } from "./population.ts"

export type Readings = Awaited<ReturnType<typeof readFacts>>

/** What happened to a workspace between two readings, in the model's words. */
export function effectBetween(before: Readings, after: Readings, id: string): string {
  const [was, is] = [before.get(id), after.get(id)]
  if (was === undefined || is === undefined) return "vanished"
  if (is.builds > was.builds) {
    expect(is.builds).toBe(was.builds + 1)
    return `${is.build?.transition}/${Reflect.get(is, "reason")}`
  }
  if (was.workspace.dormantAt === null && is.workspace.dormantAt !== null)
    return "no-build/dormancy"
  return is.build?.remindedFor?.getTime() === was.build?.remindedFor?.getTime() ? "none" : "remind"
}

/** The bound is early enough: at no instant before it would the model do anything. */
export function expectBound(facts: Facts & { checkAt: Date | null }, now: Date): void {
  const { checkAt } = facts
  if (facts.deleted || facts.isPrebuild) return expect(checkAt).toBeNull()
  if (checkAt === null) throw new Error(`no bound: ${JSON.stringify(facts)}`)
  const probes = candidateInstants(facts, now).filter((at) => at > now && at < checkAt)
  for (const at of probes) {
    expect(
      decide(facts, at),
      `${at.toISOString()} before ${String(checkAt)}: ${JSON.stringify(facts)}`,
    ).toBe("none")
  }
}
