// Where time comes from. Rules and statements take `now`; only the request middleware, the scheduled handler and the
// objects' alarms ask a clock, and in production that clock is the platform's.

export type Clock = () => Date

export const platformClock: Clock = () => new Date()

/** The minute that an instant lies in. A tick's `now` is truncated, so that two runs of one minute are the same run. */
export function truncateToMinute(at: Date): Date {
  return new Date(Math.floor(at.getTime() / 60_000) * 60_000)
}
