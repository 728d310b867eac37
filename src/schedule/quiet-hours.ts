// Quiet hours: the time of day, in a user's zone, of the stop that the autostop requirement makes.
import { parseDailySchedule, type Schedule } from "./cron.ts"
import { nextOccurrence } from "./next-occurrence.ts"
import { hourMs, minuteMs } from "./wall-time.ts"

export type QuietHours = {
  zone: string
  /** Milliseconds after midnight on the wall clock of the zone. */
  timeOfDayMs: number
  /** The tidied text, which is what is stored. */
  text: string
}

export type QuietHoursResult = { ok: true; quietHours: QuietHours } | { ok: false; error: string }

/**
 * Accepts one time a day. Lists, ranges and steps count as several times, even if they name a
 * single value.
 */
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
  const timeOfDayMs = hour * hourMs + minute * minuteMs
  return { ok: true, quietHours: { zone: schedule.zone, timeOfDayMs, text: schedule.text } }
}

/** `9:30AM` for one time a day, otherwise `cron(<minute> <hour>)`. */
export function timeText(schedule: Schedule): string {
  const [minute = "", hour = ""] = schedule.cron.split(" ")
  if (!/^[0-9]+$/.test(minute) || !/^[0-9]+$/.test(hour)) return `cron(${minute} ${hour})`
  const half = Number(hour) < 12 ? "AM" : "PM"
  return `${Number(hour) % 12 || 12}:${String(Number(minute)).padStart(2, "0")}${half}`
}

/** `HH:MM` on the 24-hour clock. */
export function quietTimeText(quietHours: QuietHours): string {
  const minutes = quietHours.timeOfDayMs / minuteMs
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

/**
 * The quiet hours in force for a user: their own text if they may choose one and did, else the
 * default.
 */
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
