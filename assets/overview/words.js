// What the overview says of a workspace: its state, when something happens, and what comes next.

/** @import { Explanation, Workspace } from "./api.js" */

const stamp = new Intl.DateTimeFormat(undefined, {
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
})
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" })

const verbs = { start: "Starts", stop: "Stops", delete: "Is deleted" }

/** @param {string} instant */
export function when(instant) {
  const at = new Date(instant)
  const minutes = Math.round((at.getTime() - Date.now()) / 60_000)
  const size = Math.abs(minutes)
  const inWords =
    size < 60
      ? relative.format(minutes, "minute")
      : size < 2880
        ? relative.format(Math.round(minutes / 60), "hour")
        : relative.format(Math.round(minutes / 1440), "day")
  return `${stamp.format(at)}, ${inWords}`
}

/** @param {Workspace} workspace */
export const stateOf = ({ latest_build: build, dormant_at: dormantAt }) =>
  dormantAt !== null && build.status === "stopped" ? "dormant" : build.status

/** What the rule that comes next does, as a sentence. @param {Explanation} explanation @param {Workspace} workspace */
export function nextOf({ next, takes_part: takesPart, because, rules }, workspace) {
  const waiting = rules.find(({ verdict }) => verdict === "waits")
  if (waiting?.because) return `Waits: ${waiting.because.message}`
  if (!takesPart) return because?.message ?? "Takes no part in the lifecycle."
  if (next === null)
    return workspace.latest_build.status === "running"
      ? "Runs until somebody stops it."
      : "Nothing is planned."
  const verb = next.transition === null ? "Becomes dormant" : verbs[next.transition]
  return `${verb} ${when(next.at)} (${next.reason}).`
}
