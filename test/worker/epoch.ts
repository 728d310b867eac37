// The instant at which every test begins: a Wednesday morning, away from daylight-saving changes.

export const epoch = new Date("2026-03-04T09:00:00.000Z")

/** The instant `ms` milliseconds after the epoch. */
export function afterEpoch(ms: number): Date {
  return new Date(epoch.getTime() + ms)
}
