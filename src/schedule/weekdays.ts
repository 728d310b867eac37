// Sets of weekdays: a bitmap in the database (bit 0 Monday to bit 6 Sunday), names on the wire.
export const weekdayNames = [
  "monday",
  "tuesday",
  "wednesday",
  "thursday",
  "friday",
  "saturday",
  "sunday",
] as const

export type WeekdayName = (typeof weekdayNames)[number]

/** The bitmap of every day. */
export const everyDay = 127

/** The names of the days in the bitmap, Monday first. Bits above the seventh are ignored. */
export function namesOfDays(bitmap: number): WeekdayName[] {
  return weekdayNames.filter((_, day) => hasDay(bitmap, day))
}

/** Whether the bitmap holds the day (0 for Monday to 6 for Sunday). */
export function hasDay(bitmap: number, day: number): boolean {
  return (bitmap & (1 << day)) !== 0
}

/** The bitmap of the named days, in any order and case. The error names the first unknown day. */
export function bitmapOfDays(
  names: readonly string[],
): { ok: true; bitmap: number } | { ok: false; error: string } {
  let bitmap = 0
  for (const name of names) {
    const day = weekdayNames.findIndex((weekday) => weekday === name.toLowerCase())
    if (day < 0) return { ok: false, error: `invalid weekday "${name}"` }
    bitmap |= 1 << day
  }
  return { ok: true, bitmap }
}
