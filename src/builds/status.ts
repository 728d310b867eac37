// The status of a build, from its job's status and its transition.
import type { JobStatus } from "../queue/view.ts"

export type Transition = "start" | "stop" | "delete"
export type BuildStatus =
  | "pending"
  | "starting"
  | "running"
  | "stopping"
  | "stopped"
  | "deleting"
  | "deleted"
  | "canceling"
  | "canceled"
  | "failed"

const working = { start: "starting", stop: "stopping", delete: "deleting" } as const
const done = { start: "running", stop: "stopped", delete: "deleted" } as const

export function buildStatus(job: JobStatus, transition: Transition): BuildStatus {
  if (job === "running") return working[transition]
  if (job === "succeeded") return done[transition]
  return job
}
