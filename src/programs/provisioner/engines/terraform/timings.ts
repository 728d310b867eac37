// How long each resource took, from the pairs of lines that the tool prints at its start and its
// end.
import type { z } from "zod"
import type { timing } from "../../../../queue/jobs/protocol.ts"
import { isRecord, textOf } from "./rows/attributes.ts"
import type { UiLine } from "./ui-line.ts"

export type Timing = z.infer<typeof timing>
export type TimingStage = "init" | "plan" | "graph" | "apply"

const event = /^(\w+)_(start|complete|errored)$/

export type TimingCollector = { add: (line: UiLine) => void; timings: () => Timing[] }

/** `toServerTime` turns an instant of this machine's clock into one of the control plane's. */
export function collectTimings(
  stage: TimingStage,
  toServerTime: (timestamp: string) => string = (timestamp) => timestamp,
): TimingCollector {
  const begun = new Map<string, string>()
  const rows: Timing[] = []
  return {
    add(line) {
      const [, kind, edge] = event.exec(line.type) ?? []
      const subject = kind === undefined ? null : subjectOf(kind, line.hook)
      if (subject === null || line.timestamp === "") return
      const key = JSON.stringify([kind, subject])
      if (edge === "start") {
        begun.set(key, line.timestamp)
        return
      }
      const startedAt = begun.get(key)
      if (startedAt === undefined) return
      begun.delete(key)
      rows.push({
        stage,
        ...subject,
        started_at: toServerTime(startedAt),
        ended_at: toServerTime(line.timestamp),
      })
    },
    timings: () => rows,
  }
}

type Subject = Pick<Timing, "source" | "action" | "resource">

const columnLengthMax = 256

function subjectOf(kind: string, hook: UiLine["hook"]): Subject | null {
  const resource = hook?.["resource"]
  if (!isRecord(resource) || typeof resource["addr"] !== "string") return null
  const action = kind === "provision" ? hook?.["provisioner"] : hook?.["action"]
  return {
    resource: resource["addr"].slice(0, columnLengthMax),
    source: textOf(resource["implied_provider"]).slice(0, columnLengthMax),
    // A refresh names no action.
    action: typeof action === "string" ? action.slice(0, columnLengthMax) : kind,
  }
}
