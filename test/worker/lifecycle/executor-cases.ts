// Reads the executor's groups of `test/cases/lifecycle.json` and puts their rows into the database.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { lifecycle as cases } from "../../cases/read.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate, jobColumns, type JobStatus } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import type { Row } from "../rows.ts"

export const groups = cases.groups

export type DecisionCase = {
  id: string
  name: string
  input: {
    tick: string
    user_status?: string
    template?: Record<string, number | boolean>
    workspace?: Record<string, string | boolean | null>
    build: { transition?: "start" | "stop" | "delete" } & Record<string, string | undefined>
    job?: { status?: JobStatus; completed_at?: string; canceled_at?: string }
  }
  expected: { effective?: string; waits?: string; remind?: boolean; eligible?: boolean }
}

/** The stored "no value" of the cases is null here. */
export const instant = (text: string | boolean | null | undefined): Date | null =>
  typeof text !== "string" || text.startsWith("0001-") ? null : new Date(text)

// Long before every tick of the cases, and not so long that the retention sweep takes what is
// deleted away.
const longAgo = new Date("2023-06-01T00:00:00Z")

/** `failure_ttl_seconds` to `failure_ttl_ms`, and so on. */
export function templateColumns(template: Record<string, unknown>): Row {
  const columns: Row = {}
  for (const [name, value] of Object.entries(template)) {
    if (name.endsWith("_seconds")) columns[name.replace(/_seconds$/, "_ms")] = Number(value) * 1000
    else if (name === "autostart_days_bitmap") columns["autostart_days"] = value
    else if (name === "autostop_requirement_days_bitmap")
      columns["autostop_requirement_days"] = value
    else if (name === "autostop_requirement_weeks") columns[name] = Math.max(1, Number(value))
    else if (name.startsWith("allow_user")) columns[name] = value
  }
  return columns
}

/** One workspace with one build, as the row says, with an owner and a template of its own. */
export async function givenCase({ input }: DecisionCase) {
  const creator = await givenUser({ columns: { status: input.user_status ?? "active" } })
  const template = await givenTemplate(creator, { columns: templateColumns(input.template ?? {}) })
  const { prebuild, deleted, ...workspace } = input.workspace ?? {}
  const { transition, ...build } = input.build
  const status = input.job?.status ?? "succeeded"
  const job = jobColumns(status, longAgo)
  // A prebuild cannot have a schedule of its own at all: the database refuses it.
  const lifecycle = {
    autostart_schedule: workspace["autostart_schedule"] ?? null,
    next_start_at: workspace["dormant_at"] ? null : instant(workspace["next_start_at"]),
    dormant_at: instant(workspace["dormant_at"]),
    deleting_at: instant(workspace["deleting_at"]),
  }
  const given = await givenWorkspace({ id: prebuild ? prebuildsUserId : creator.id }, template, {
    columns: {
      last_used_at: instant(workspace["last_used_at"]),
      deleted: deleted ?? false,
      ...(prebuild ? {} : lifecycle),
    },
    build: {
      transition: transition ?? "start",
      status,
      at: instant(build["created_at"]) ?? longAgo,
      columns: {
        deadline: instant(build["deadline"]),
        max_deadline: instant(build["max_deadline"]),
        notified_autostop_deadline: instant(build["notified_autostop_deadline"]),
      },
      job: {
        // A job in progress is alive, or the reaper would end it before the rules look.
        updated_at: instant(input.tick),
        completed_at: instant(input.job?.completed_at) ?? job["completed_at"],
        canceled_at: instant(input.job?.canceled_at) ?? job["canceled_at"],
      },
    },
  })
  return { ...given, creator }
}
