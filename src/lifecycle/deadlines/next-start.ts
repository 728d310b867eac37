// A next start that the database does not know.
//
// It was never written, or was computed for an earlier build or for other days.
import { nextAllowedAutostart } from "../../schedule/autostart.ts"
import type { OpenNextStart } from "../tick/prepare-statement.ts"

/**
 * Counts from the creation of a stop, so an autostart that fell due during the stop is not lost.
 */
export function nextStartOf(
  open: Pick<OpenNextStart, "schedule" | "allowed_days" | "stop_created_at">,
  now: Date,
): Date | null {
  const from = open.stop_created_at === null ? now : new Date(open.stop_created_at)
  return nextAllowedAutostart(open.schedule, from, open.allowed_days)
}
