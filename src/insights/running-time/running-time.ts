// When workspaces ran, for whom, and what ended it: intervals cut into the days of a window.
import type { Window } from "../window.ts"

export type RunningInterval = {
  workspace_id: string
  workspace_name: string
  user_id: string
  username: string
  template_id: string
  template_name: string
  started_at: Date
  /** Null while it is running. */
  ended_at: Date | null
  /** The transition and the reason of the build that ended it; `claim` if a pool gave it away. */
  ended_by: string | null
  ended_reason: string | null
}

export type RunningDay = {
  date: string
  interval: RunningInterval
  hours: number
  isEndOfInterval: boolean
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/**
 * Returns the share of each interval in each day of the window. `firstDate` is the local date of
 * the first day.
 */
export function splitByDay(
  intervals: readonly RunningInterval[],
  days: readonly Window[],
  firstDate: string,
  now: Date,
): RunningDay[] {
  const firstMs = Date.parse(`${firstDate}T00:00:00Z`)
  return days.flatMap(({ startAt, endAt }, index) => {
    const date = new Date(firstMs + index * dayMs).toISOString().slice(0, 10)
    return intervals.flatMap((interval) => {
      const fromMs = Math.max(interval.started_at.getTime(), startAt.getTime())
      const toMs = Math.min((interval.ended_at ?? now).getTime(), endAt.getTime())
      if (toMs <= fromMs) return []
      const isEndOfInterval =
        interval.ended_at !== null && interval.ended_at.getTime() <= endAt.getTime()
      return [{ date, interval, hours: (toMs - fromMs) / hourMs, isEndOfInterval }]
    })
  })
}

/** Rounds hours to the second, without the noise of division. */
export const roundHours = (hours: number): number => Math.round(hours * 3600) / 3600

/**
 * Renders a table for spreadsheets: one row per day and interval. Texts are quoted, and none can
 * begin a formula.
 */
export function runningTimeCsv(rows: readonly RunningDay[]): string {
  const head = [
    "date",
    "workspace_id",
    "workspace",
    "user_id",
    "user",
    "template_id",
    "template",
    "hours",
    "ended_by",
    "ended_reason",
  ]
  const lines = rows.map(({ date, interval, hours, isEndOfInterval }) => [
    date,
    interval.workspace_id,
    interval.workspace_name,
    interval.user_id,
    interval.username,
    interval.template_id,
    interval.template_name,
    roundHours(hours).toFixed(4),
    isEndOfInterval ? (interval.ended_by ?? "") : "",
    isEndOfInterval ? (interval.ended_reason ?? "") : "",
  ])
  return [head, ...lines].map((cells) => `${cells.map(quote).join(",")}\r\n`).join("")
}

function quote(text: string): string {
  const safe = /^[=+\-@\t]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
