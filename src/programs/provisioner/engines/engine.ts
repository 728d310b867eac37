/** What carries out a build. The provisioner hands an engine a template's folder and a build; the engine changes the world. */
import type { Manifest } from "../../../templates/manifest/manifest.ts"
import type { AcquiredJob, LogLine } from "../../../queue/jobs/protocol.ts"
import type { ReportedReplacement, ReportedResource } from "../../../templates/manifest/reported.ts"

export type Build = NonNullable<AcquiredJob["build"]>

export type EngineRequest = {
  /** The unpacked archive; the engine may write into it. */
  directory: string
  /** A folder for the engine's own files, beside the archive and empty. */
  scratch: string
  manifest: Manifest
  job: AcquiredJob
  build: Build
}

export type EngineSession = {
  log: (line: { level: NonNullable<LogLine["level"]>; stage: string; output: string }) => void
  /** Aborted when the build is canceled: end soon, and in order if that is possible. */
  canceled: AbortSignal
}

export type EngineResult =
  | {
      ok: true
      resources: ReportedResource[]
      state: Buffer | null
      replacements: ReportedReplacement[]
    }
  /** `state` is what is known of the world after the failure; null keeps what was known before. */
  | { ok: false; error: string; state: Buffer | null }

export type Engine = {
  build: (request: EngineRequest, session: EngineSession) => Promise<EngineResult>
}
