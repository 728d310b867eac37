// Completes an import: missing values become the job's error, everything else the version's rows.
import type { ProvisionerActor } from "../../access/actors.ts"
import type { AuthenticatedDatabase } from "../../access/authenticated-database.ts"
import type { AuditRequest } from "../../audit/fragment.ts"
import { externalAgentType, type ReportedVariable } from "../../templates/manifest/reported.ts"
import { completeImportJob, readImportFacts } from "./import-statement.ts"
import type { Holder } from "./build-statement.ts"
import { type EndedJob, failJob } from "../jobs/fail.ts"
import type { EngineName, ImportPlan } from "../jobs/protocol.ts"
import type { Timing } from "../jobs/timings.ts"
import { toResourceRows } from "./resource-rows.ts"
import { withoutNul } from "../../platform/db/without-nul.ts"

export type ImportReport = {
  plan: ImportPlan
  readme: string
  timings: Timing[]
  engine?: EngineName | undefined
}

/** Returns null if the daemon does not hold the job any longer. */
export async function completeImport(
  session: AuthenticatedDatabase<ProvisionerActor>,
  holder: Holder,
  report: ImportReport,
  request: AuditRequest,
): Promise<EndedJob | null> {
  const [facts] = await session.query(readImportFacts(holder))
  if (!facts) return null
  const { plan, readme, timings } = withoutNul(report)
  const engine = report.engine ?? "script"
  const given = new Map((facts.user_variable_values ?? []).map(({ name, value }) => [name, value]))
  // Terraform itself has rejected missing values: files of the archive may contain them.
  const missing = plan.variables
    .filter((variable) => engine === "script" && isMissing(variable, given))
    .map(({ name }) => name)
  if (missing.length > 0) {
    const error = `required template variables need values: ${missing.join(", ")}`
    const failure = {
      ...holder,
      error,
      errorCode: "REQUIRED_TEMPLATE_VARIABLES",
      isCanceled: false,
      state: null,
      timings,
      engine,
      variables: plan.variables,
    }
    const [failed] = await session.query(failJob(failure, request))
    return failed ?? null
  }
  const start = toResourceRows(plan.resources_start, "start", () => ({
    hash: null,
    encrypted: null,
  }))
  const stop = toResourceRows(plan.resources_stop, "stop", () => ({ hash: null, encrypted: null }))
  const [ended] = await session.query(
    completeImportJob({
      ...holder,
      result: {
        parameters: plan.parameters,
        variables: plan.variables,
        presets: plan.presets,
        readme,
        hasExternalAgent:
          plan.has_external_agent ||
          plan.resources_start.some((resource) => resource.type === externalAgentType),
      },
      tags: plan.tags,
      engine,
      timings,
      rows: {
        ...start,
        resources: [...start.resources, ...stop.resources],
        metadata: [...start.metadata, ...stop.metadata],
      },
      now: request.now,
    }),
  )
  return ended ?? null
}

function isMissing(variable: ReportedVariable, given: ReadonlyMap<string, string>): boolean {
  const isRequired = variable.required ?? variable.default_value === undefined
  return isRequired && (given.get(variable.name) ?? variable.default_value ?? "") === ""
}
