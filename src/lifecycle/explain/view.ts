// The explanation as it is on the wire.
import { z } from "@hono/zod-openapi"
import { timeSchema, wireTime, wireTimeOrNull } from "../../platform/http/wire.ts"
import type { NextTransition, RuleVerdict } from "./explain.ts"
import type { BuildRow, ExplainRow } from "./statement.ts"

const becauseSchema = z.object({
  code: z.string().openapi({ example: "no_schedule" }),
  message: z.string().openapi({ example: "The workspace has no autostart schedule." }),
})

const ruleSchema = z
  .object({
    rule: z.enum([
      "autostop",
      "autostart",
      "failed_cleanup",
      "dormancy",
      "auto_delete",
      "reminder",
      "dormant_stop",
    ]),
    precedence: z.int().openapi({ description: "Of several that are due, the lowest acts first." }),
    verdict: z.enum(["does_not_apply", "scheduled", "due", "waits"]),
    because: becauseSchema.nullable().openapi({
      description: "Why the rule does not apply, or what it waits for.",
    }),
    due_at: timeSchema.nullable(),
    transition: z.enum(["start", "stop", "delete"]).nullable(),
    reason: z.string().nullable(),
    template_version_id: z.string().nullable(),
    inputs: z
      .record(z.string(), z.unknown())
      .openapi({ description: "What the rule looks at, as it is now." }),
  })
  .openapi("LifecycleRule")

export const explanationSchema = z
  .object({
    workspace_id: z.string(),
    workspace_name: z.string(),
    at: timeSchema,
    takes_part: z.boolean().openapi({
      description: "False for prebuilt and deleted workspaces, and before the first build.",
    }),
    because: becauseSchema.nullable(),
    next: z
      .object({
        rule: z.string(),
        transition: z.string().nullable(),
        reason: z.string().nullable(),
        at: timeSchema,
      })
      .nullable()
      .openapi({ description: "What happens next if nothing else does." }),
    rules: z.array(ruleSchema),
    history: z.array(
      z.object({
        build_number: z.int(),
        transition: z.string(),
        reason: z.string(),
        initiator_name: z.string(),
        created_at: timeSchema,
        status: z.string(),
        completed_at: timeSchema.nullable(),
      }),
    ),
  })
  .openapi("LifecycleExplanation")

export type Explanation = z.infer<typeof explanationSchema>

/** What each rule looks at. */
const inputsOfRule: Record<string, readonly string[]> = {
  autostop: [
    "last_transition",
    "last_job_status",
    "deadline",
    "max_deadline",
    "owner_status",
    "dormant_at",
  ],
  autostart: [
    "last_transition",
    "last_job_status",
    "last_build_created_at",
    "autostart_schedule",
    "next_start_at",
    "owner_status",
    "dormant_at",
    "allow_user_autostart",
    "autostart_days",
    "automatic_updates",
    "require_active_version",
  ],
  failed_cleanup: ["last_transition", "last_job_status", "last_job_completed_at", "failure_ttl_ms"],
  dormancy: ["last_transition", "last_used_at", "dormant_at", "time_til_dormant_ms"],
  auto_delete: [
    "last_transition",
    "last_job_status",
    "dormant_at",
    "deleting_at",
    "time_til_dormant_autodelete_ms",
  ],
  reminder: [
    "deadline",
    "max_deadline",
    "reminded_for",
    "last_used_at",
    "owner_status",
    "time_til_autostop_notify_ms",
    "activity_bump_ms",
  ],
  dormant_stop: ["last_transition", "last_job_status", "dormant_at"],
}

export function toExplanation(
  row: ExplainRow,
  verdicts: readonly RuleVerdict[],
  next: NextTransition | null,
  now: Date,
): Explanation {
  return {
    workspace_id: row.id,
    workspace_name: row.name,
    at: wireTime(now),
    takes_part: row.rules.length > 0,
    because: whyNoPart(row),
    next: next === null ? null : { ...next, at: wireTime(next.at) },
    rules: verdicts.map((verdict) => toRule(verdict, row.facts)),
    history: row.history.map(toHistory),
  }
}

function whyNoPart(row: ExplainRow) {
  if (row.deleted) return { code: "deleted", message: "The workspace is deleted." }
  if (row.is_prebuild)
    return { code: "prebuild", message: "Prebuilt workspaces take no part until they are claimed." }
  if (row.rules.length === 0)
    return { code: "no_build", message: "The workspace has no build yet." }
  return null
}

function toRule(
  verdict: RuleVerdict,
  facts: Record<string, unknown>,
): Explanation["rules"][number] {
  return {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the view has no others
    rule: verdict.rule as Explanation["rules"][number]["rule"],
    precedence: verdict.precedence,
    verdict: verdict.verdict,
    because: verdict.because,
    due_at: wireTimeOrNull(verdict.dueAt),
    transition: verdict.transition,
    reason: verdict.reason,
    template_version_id: verdict.transition === null ? null : verdict.templateVersionId,
    inputs: Object.fromEntries(
      (inputsOfRule[verdict.rule] ?? []).map((name) => [name, toInput(facts[name] ?? null)]),
    ),
  }
}

/** JSON built by the database has instants as text with an offset. */
function toInput(value: unknown): unknown {
  const isInstant = typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$/.test(value)
  return isInstant ? wireTime(new Date(value)) : value
}

function toHistory(build: BuildRow): Explanation["history"][number] {
  return {
    build_number: build.build_number,
    transition: build.transition,
    reason: build.reason,
    initiator_name: build.initiator_name,
    created_at: wireTime(new Date(build.created_at)),
    status: build.job_status,
    completed_at: build.completed_at === null ? null : wireTime(new Date(build.completed_at)),
  }
}
