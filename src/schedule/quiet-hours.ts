/** Quiet hours: the time of day, in a user's zone, at which the autostop requirement stops their workspaces. */
import { parseDailySchedule } from "./cron.ts"
import { nextOccurrence } from "./next-occurrence.ts"
import { timeText } from "./schedule-text.ts"
import { HOUR_MS, MINUTE_MS } from "./wall-time.ts"

export type QuietHours = {
  zone: string
  /** Milliseconds after midnight on the wall clock of the zone. */
  timeOfDayMs: number
  /** The tidied text, which is what is stored. */
  text: string
}

export type QuietHoursResult = { ok: true; quietHours: QuietHours } | { ok: false; error: string }

/** One time on each day. Lists, ranges and steps have more than one time, even where they name a single value. */
export function parseQuietHours(raw: string): QuietHoursResult {
  const parsed = parseDailySchedule(raw)
  if (!parsed.ok) return { ok: false, error: `parse daily schedule "${raw}": ${parsed.error}` }
  const { schedule } = parsed
  const time = timeText(schedule)
  if (time.startsWith("cron(")) {
    return { ok: false, error: `daily schedule "${raw}" has more than one time: ${time}` }
  }
  const [hour = 0] = schedule.hours
  const [minute = 0] = schedule.minutes
  const timeOfDayMs = hour * HOUR_MS + minute * MINUTE_MS
  return { ok: true, quietHours: { zone: schedule.zone, timeOfDayMs, text: schedule.text } }
}

/** `HH:MM` on the 24-hour clock. */
export function quietTimeText(quietHours: QuietHours): string {
  const minutes = quietHours.timeOfDayMs / MINUTE_MS
  const two = (value: number) => String(value).padStart(2, "0")
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}

/** The next quiet time strictly after the instant. */
export function nextQuietTime(quietHours: QuietHours, after: Date): Date {
  const parsed = parseDailySchedule(quietHours.text)
  if (!parsed.ok) throw new Error(`quiet hours that do not parse: ${quietHours.text}`)
  return nextOccurrence(parsed.schedule, after)
}

/** How the deployment sets quiet hours: its default, and whether users may choose their own. */
export type QuietHoursSettings = { defaultText: string; userCanSet: boolean }

export const defaultQuietHoursSettings: QuietHoursSettings = {
  defaultText: "CRON_TZ=UTC 0 0 * * *",
  userCanSet: true,
}

/** The problem with the settings, null when there is none. */
export function findQuietHoursSettingsError(settings: QuietHoursSettings): string | null {
  if (settings.defaultText === "") return "default schedule must be set"
  const parsed = parseQuietHours(settings.defaultText)
  return parsed.ok ? null : parsed.error
}

/** The quiet hours that count for a user: their own text where they may choose and did, else the default. */
export function quietHoursOf(
  userText: string,
  settings: QuietHoursSettings = defaultQuietHoursSettings,
): (QuietHoursResult & { ok: true; isUserSet: boolean }) | { ok: false; error: string } {
  const isUserSet = settings.userCanSet && userText.trim() !== ""
  const parsed = parseQuietHours(isUserSet ? userText : settings.defaultText)
  return parsed.ok ? { ...parsed, isUserSet } : parsed
}

/** What is stored when a user sets the text: the tidied form, or '' to go back to the default. */
export function quietHoursToStore(
  raw: string,
): { ok: true; text: string } | { ok: false; error: string } {
  if (raw.trim() === "") return { ok: true, text: "" }
  const parsed = parseQuietHours(raw)
  return parsed.ok ? { ok: true, text: parsed.quietHours.text } : parsed
}
