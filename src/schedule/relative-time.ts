/** How far away an instant is, in words: `3 days from now`, `1 hour ago`. Notifications say it so. */
const SECOND_S = 1
const MINUTE_S = 60
const HOUR_S = 60 * MINUTE_S
const DAY_S = 24 * HOUR_S
const WEEK_S = 7 * DAY_S
const MONTH_S = 30 * DAY_S
const YEAR_S = 360 * DAY_S

/** Below the bound, the text is `one`, or `<quantity> <many>` with the quantity in whole units. Ascending. */
const STEPS: readonly { boundS: number; one?: string; many?: string; unitS?: number }[] = [
  { boundS: 2 * SECOND_S, one: "1 second" },
  { boundS: MINUTE_S, many: "seconds", unitS: SECOND_S },
  { boundS: 2 * MINUTE_S, one: "1 minute" },
  { boundS: HOUR_S, many: "minutes", unitS: MINUTE_S },
  { boundS: 2 * HOUR_S, one: "1 hour" },
  { boundS: DAY_S, many: "hours", unitS: HOUR_S },
  { boundS: 2 * DAY_S, one: "1 day" },
  { boundS: WEEK_S, many: "days", unitS: DAY_S },
  { boundS: 2 * WEEK_S, one: "1 week" },
  { boundS: MONTH_S, many: "weeks", unitS: WEEK_S },
  { boundS: 2 * MONTH_S, one: "1 month" },
  { boundS: YEAR_S, many: "months", unitS: MONTH_S },
  { boundS: 1.5 * YEAR_S, one: "1 year" },
  { boundS: 2 * YEAR_S, one: "2 years" },
  { boundS: 37 * YEAR_S, many: "years", unitS: YEAR_S },
  { boundS: Infinity, one: "a long while" },
]

export function relativeTime(at: Date, now: Date): string {
  const differenceMs = at.getTime() - now.getTime()
  const seconds = Math.abs(differenceMs) / 1000
  if (seconds < SECOND_S) return "now"
  const step = STEPS.find(({ boundS }) => seconds < boundS)
  const amount = step?.one ?? `${Math.floor(seconds / (step?.unitS ?? 1))} ${step?.many}`
  return `${amount} ${differenceMs > 0 ? "from now" : "ago"}`
}
