// What carries out jobs: an engine gets the unpacked archive of a template and does what the job
// asks.
import type { AcquiredJob, ImportPlan, LogLine } from "../../../queue/jobs/protocol.ts"
import type {
  ReportedReplacement,
  ReportedResource,
  ReportedVariable,
} from "../../../templates/manifest/reported.ts"
import type { ServerClock } from "../../server-clock.ts"
import type { z } from "zod"
import type { timing } from "../../../queue/jobs/protocol.ts"

export type Build = NonNullable<AcquiredJob["build"]>
export type Timing = z.infer<typeof timing>

export type EngineRequest = {
  /** The unpacked archive; the engine may write into it. */
  directory: string
  /** A folder for the engine's own files, beside the archive and empty. */
  scratch: string
  job: AcquiredJob
}

export type BuildRequest = EngineRequest & { build: Build }

export type EngineSession = {
  log: (line: { level: NonNullable<LogLine["level"]>; stage: string; output: string }) => void
  /** Aborted when the job is canceled: end soon, and in order if that is possible. */
  canceled: AbortSignal
  clock: ServerClock
  /** Called with the process that begins to change the world. */
  onApply?: (pid: number) => void
}

export type EngineFailure = {
  ok: false
  error: string
  /** A code that clients act on, for example `REQUIRED_TEMPLATE_VARIABLES`. */
  errorCode?: string
  /**
   * The variables of an import that lacks values for them, so that clients can ask for the values.
   */
  variables?: ReportedVariable[]
  /** What is known of the world after the failure; null or absent keeps what was known before. */
  state?: Buffer | null
  /** The job's folder holds what could not be reported, so it stays on this machine. */
  keepsFiles?: boolean
  timings?: Timing[]
}

export type ImportResult = { ok: true; plan: ImportPlan; timings?: Timing[] } | EngineFailure
export type DryRunResult =
  | { ok: true; resources: ReportedResource[]; timings?: Timing[] }
  | EngineFailure
export type BuildResult =
  | {
      ok: true
      resources: ReportedResource[]
      state: Buffer | null
      replacements: ReportedReplacement[]
      timings?: Timing[]
    }
  | EngineFailure

export type Engine = {
  importTemplate: (request: EngineRequest, session: EngineSession) => Promise<ImportResult>
  dryRun: (request: EngineRequest, session: EngineSession) => Promise<DryRunResult>
  build: (request: BuildRequest, session: EngineSession) => Promise<BuildResult>
}

export const requiredVariablesCode = "REQUIRED_TEMPLATE_VARIABLES"

/** The error of an import that lacks values; clients look for the code and show this. */
export const missingValuesError = (names: readonly string[]) =>
  `The template needs values for the variables: ${names.join(", ")}`
