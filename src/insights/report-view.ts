// Insights on the wire.
import { z } from "@hono/zod-openapi"
import { timeSchema, uuidSchema, wireTime } from "../platform/http/wire.ts"
import type {
  IntervalUsage,
  ParameterUsage,
  PersonUsage,
  Scope,
  UsageReport,
} from "./report-statements.ts"
import type { Interval, Window } from "./window.ts"

const ids = z.array(uuidSchema)
const windowFields = { start_time: timeSchema, end_time: timeSchema, template_ids: ids }

const builtinApps: Record<string, { display_name: string; icon: string }> = {
  vscode: { display_name: "Visual Studio Code", icon: "/icon/code.svg" },
  jetbrains: { display_name: "JetBrains", icon: "/icon/intellij.svg" },
  "reconnecting-pty": { display_name: "Web Terminal", icon: "/icon/terminal.svg" },
  ssh: { display_name: "SSH", icon: "/icon/terminal.svg" },
  sftp: { display_name: "SFTP", icon: "/icon/terminal.svg" },
}

export const templateInsightsSchema = z
  .object({
    report: z
      .object({
        ...windowFields,
        active_users: z.int(),
        apps_usage: z.array(
          z.object({
            template_ids: ids,
            type: z.enum(["builtin", "app"]),
            display_name: z.string(),
            slug: z.string(),
            icon: z.string(),
            seconds: z.int(),
            times_used: z.int(),
          }),
        ),
        parameters_usage: z.array(
          z.object({
            template_ids: ids,
            display_name: z.string(),
            name: z.string(),
            type: z.string(),
            description: z.string(),
            options: z
              .array(
                z.object({
                  name: z.string(),
                  value: z.string(),
                  description: z.string(),
                  icon: z.string(),
                }),
              )
              .optional(),
            values: z.array(z.object({ value: z.string(), count: z.int() })),
          }),
        ),
      })
      .optional(),
    interval_reports: z
      .array(
        z.object({ ...windowFields, interval: z.enum(["day", "week"]), active_users: z.int() }),
      )
      .optional(),
  })
  .openapi("TemplateInsights")

const person = {
  template_ids: ids,
  user_id: uuidSchema,
  username: z.string(),
  avatar_url: z.string(),
}

export const userActivitySchema = z
  .object({
    report: z.object({
      ...windowFields,
      users: z.array(z.object({ ...person, seconds: z.int() })),
    }),
  })
  .openapi("UserActivityInsights")

export const userLatencySchema = z
  .object({
    report: z.object({
      ...windowFields,
      users: z.array(
        z.object({ ...person, latency_ms: z.object({ p50: z.number(), p95: z.number() }) }),
      ),
    }),
  })
  .openapi("UserLatencyInsights")

const windowView = ({ startAt, endAt }: Window, template_ids: string[]) => ({
  start_time: wireTime(startAt),
  end_time: wireTime(endAt),
  template_ids,
})

export function reportView(
  { window }: Scope,
  usage: UsageReport,
  parameters: readonly ParameterUsage[],
) {
  return {
    ...windowView(window, usage.template_ids),
    active_users: usage.active_users,
    apps_usage: usage.apps.map((app) => {
      if (app.type === "builtin") return { ...app, ...builtinApps[app.slug] }
      return { ...app, display_name: app.display_name === "" ? app.slug : app.display_name }
    }),
    parameters_usage: parameters.map(({ options, ...parameter }) => ({
      ...parameter,
      ...(options.length === 0 ? {} : { options }),
    })),
  }
}

export function intervalViews(
  intervals: readonly Window[],
  interval: Interval,
  rows: readonly IntervalUsage[],
) {
  const used = new Map(rows.map((row) => [row.position, row]))
  return intervals.map((window, position) => {
    const row = used.get(position)
    return {
      ...windowView(window, row?.template_ids ?? []),
      interval,
      active_users: row?.active_users ?? 0,
    }
  })
}

const distinctTemplates = (people: readonly PersonUsage[]) =>
  [...new Set(people.flatMap(({ template_ids }) => template_ids))].toSorted()

const personView = ({ template_ids, user_id, username, avatar_url }: PersonUsage) => ({
  template_ids,
  user_id,
  username,
  avatar_url,
})

export function activityView({ window }: Scope, people: readonly PersonUsage[]) {
  const users = people.map((one) => ({ ...personView(one), seconds: one.seconds }))
  return { report: { ...windowView(window, distinctTemplates(people)), users } }
}

/** Only people of whom a latency is known. */
export function latencyView({ window }: Scope, people: readonly PersonUsage[]) {
  const users = people.flatMap((one) =>
    one.latency_p50 === null || one.latency_p95 === null
      ? []
      : [{ ...personView(one), latency_ms: { p50: one.latency_p50, p95: one.latency_p95 } }],
  )
  return { report: { ...windowView(window, distinctTemplates(people)), users } }
}
