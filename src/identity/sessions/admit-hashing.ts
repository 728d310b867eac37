// Admission of requests that hash a password.
//
// A hash blocks the isolate for 0.15 s or more. Without a bound, a few dozen sign-ins would block
// every other request for as long as all of them take.
import { ApiError } from "../../platform/http/errors.ts"

/** Two requests in flight and eight that wait for the isolate. */
const placesMax = 10
/** The runtime may cancel a request before it returns its place, so a place also expires. */
const placeMsMax = 30_000

const places = new Set<{ takenAt: number }>()

/** Runs `work` with one of the places. Throws a 429 before any work if all of them are taken. */
export async function admitHashing<Result>(work: () => Promise<Result>): Promise<Result> {
  const now = performance.now()
  for (const place of places) if (now - place.takenAt > placeMsMax) places.delete(place)
  if (places.size >= placesMax) {
    throw new ApiError(
      429,
      "Too many passwords are being checked at the moment. Please try again in a few seconds.",
      {},
      { "Retry-After": "2" },
    )
  }
  const place = { takenAt: now }
  places.add(place)
  try {
    return await work()
  } finally {
    places.delete(place)
  }
}
