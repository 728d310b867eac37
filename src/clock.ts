// The source of time.
//
// Rules and statements take `now`. Only the request middleware, the scheduled handler and the
// objects' alarms read a clock, and in production that clock is the platform's.

export type Clock = () => Date

export const platformClock: Clock = () => new Date()

/** The minute of an instant. Two runs of a tick in one minute have the same `now`. */
export function truncateToMinute(at: Date): Date {
  return new Date(Math.floor(at.getTime() / 60_000) * 60_000)
}
