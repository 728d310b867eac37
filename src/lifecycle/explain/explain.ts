// Explains a workspace's lifecycle from what the tick would see.
//
// That is each rule's verdict, and the transition that comes next.
import type { ResolvedParameters } from "../../templates/parameters/resolve.ts"
import type { ExplainRow, RuleRow } from "./statement.ts"
import { nextStartOf } from "../deadlines/next-start.ts"
import { blockSentences, whyNotSentences } from "../rules/reasons.ts"

export type RuleVerdict = {
  rule: string
  precedence: number
  verdict: "does_not_apply" | "scheduled" | "due" | "waits"
  /** Why the rule does not apply, or what it waits for. */
  because: { code: string; message: string } | null
  /** The first instant at which it fires or fired. Null if the rule does not apply. */
  dueAt: Date | null
  transition: RuleRow["transition"]
  reason: string | null
  templateVersionId: string
  isOtherVersion: boolean
}

export type NextTransition = {
  rule: string
  transition: string | null
  reason: string | null
  at: Date
}

const minuteMs = 60_000
const firstTickAfter = (at: Date) => new Date(Math.ceil(at.getTime() / minuteMs) * minuteMs)

/**
 * The verdict on each rule, in order of precedence.
 *
 * `carried` is how a start on another version would take over the last values.
 */
export function judgeRules(
  row: ExplainRow,
  carried: ResolvedParameters | null,
  now: Date,
): RuleVerdict[] {
  return row.rules.map((rule) => {
    const { whyNot, dueAt } = applicability(rule, row, now)
    const base = {
      rule: rule.rule,
      precedence: rule.precedence,
      dueAt,
      transition: rule.transition,
      reason: rule.reason,
      templateVersionId: rule.template_version_id,
      isOtherVersion: rule.is_other_version,
    }
    if (dueAt === null)
      return { ...base, verdict: "does_not_apply", because: because(whyNotSentences, whyNot) }
    const block = blockOf(rule, carried)
    if (block !== null)
      return { ...base, verdict: dueAt <= now ? "waits" : "scheduled", because: block }
    return { ...base, verdict: dueAt <= now ? "due" : "scheduled", because: null }
  })
}

/** Computes a next start that is not written yet as the tick will. `-infinity` means due now. */
function applicability(
  rule: RuleRow,
  row: ExplainRow,
  now: Date,
): { whyNot: string; dueAt: Date | null } {
  const whyNot = rule.why_not ?? ""
  if (rule.rule === "autostart" && whyNot === "no_next_start" && row.next_start_open !== null) {
    return { whyNot, dueAt: nextStartOf(row.next_start_open, now) }
  }
  if (rule.why_not !== null || rule.due_at === null) return { whyNot, dueAt: null }
  return { whyNot, dueAt: rule.due_at === "-infinity" ? now : new Date(rule.due_at) }
}

/**
 * What the rule would wait for at this instant, as the tick's own function says.
 *
 * Whether the last values fit another version is `carried`; the database cannot know it.
 */
function blockOf({ block }: RuleRow, carried: ResolvedParameters | null): RuleVerdict["because"] {
  if (block === null) return null
  if (block !== "not_prepared") return because(blockSentences, block)
  if (carried === null || carried.ok) return null
  return { code: "parameter", message: `${carried.message}: ${carried.detail}` }
}

function because(sentences: Record<string, string>, code: string) {
  return { code, message: sentences[code] ?? code }
}

/**
 * The first transition if nothing else changes: at the earliest tick, the lowest precedence.
 *
 * A rule that is only scheduled is expected not to be blocked. A rule that waits does so for an
 * event at an unknown time, and the rules after it in precedence wait behind it. While a build is
 * in progress, nothing happens before it ends.
 *
 * The tick does not look before `checkAt`, even if the event that a rule waited for has happened.
 */
export function nextTransition(
  verdicts: readonly RuleVerdict[],
  checkAt: Date | null,
  now: Date,
): NextTransition | null {
  const heldFrom = Math.min(
    ...verdicts.filter(({ verdict }) => verdict === "waits").map(({ precedence }) => precedence),
  )
  const [first] = verdicts
    .filter(
      ({ verdict, rule }) => (verdict === "due" || verdict === "scheduled") && rule !== "reminder",
    )
    .filter(
      ({ precedence, because: b }) => precedence < heldFrom && b?.code !== "build_in_progress",
    )
    .map((verdict) => ({ verdict, at: firstTickAfter(latest(verdict.dueAt, checkAt, now)) }))
    .sort((a, b) => a.at.getTime() - b.at.getTime() || a.verdict.precedence - b.verdict.precedence)
  if (first === undefined) return null
  const { rule, transition, reason } = first.verdict
  return { rule, transition, reason, at: first.at }
}

const latest = (...instants: readonly (Date | null)[]) =>
  new Date(Math.max(...instants.map((instant) => instant?.getTime() ?? -Infinity)))
