// Completes a build: computes its deadlines from what was read, and writes them only if that is
// unchanged.
import { prebuildsUserId } from "../../platform/db/prebuilds-user.ts"
import type { ProvisionerActor } from "../../access/actors.ts"
import { sha256 } from "../../platform/hash.ts"
import type { AuthenticatedDatabase } from "../../access/authenticated-database.ts"
import { agentTokenSubject, encryptToken } from "../../access/token-cipher.ts"
import type { AuditRequest } from "../../audit/fragment.ts"
import { toHex } from "../../platform/db/values.ts"
import { ApiError } from "../../platform/http/errors.ts"
import { completeBuild as scheduleCompletion } from "../../schedule/build-completion.ts"
import { quietHoursOf } from "../../schedule/quiet-hours.ts"
import { autostopPolicyOf } from "../../templates/policy/columns.ts"
import {
  externalAgentType,
  type ReportedAgent,
  type ReportedReplacement,
  type ReportedResource,
} from "../../templates/manifest/reported.ts"
import {
  type BuildFacts,
  completeBuildJob,
  type Holder,
  readBuildFacts,
} from "./build-statement.ts"
import { type EndedJob, failJob } from "../jobs/fail.ts"
import type { Timing } from "../jobs/timings.ts"
import { type AgentToken, toResourceRows } from "./resource-rows.ts"

/** Policies rarely change while a build completes; three changes in a row are a fault. */
const readsMax = 3

export type BuildReport = {
  resources: readonly ReportedResource[]
  state: Uint8Array | null
  timings: readonly Timing[]
  replacements: readonly ReportedReplacement[]
}

/** Returns null if the daemon does not hold the job any longer. */
export async function completeBuild(
  session: AuthenticatedDatabase<ProvisionerActor>,
  holder: Holder,
  report: BuildReport,
  request: AuditRequest,
  tokenKeys: string,
): Promise<(EndedJob & { follows?: boolean }) | null> {
  const isExternal = report.resources.some((resource) => resource.type === externalAgentType)
  for (let reads = 1; reads <= readsMax; reads++) {
    const [facts] = await session.query(readBuildFacts(holder))
    if (!facts) return null
    const schedule = computeSchedule(facts, request.now)
    if (!schedule.ok) {
      const failure = {
        ...holder,
        error: schedule.error,
        errorCode: null,
        isCanceled: false,
        ...report,
      }
      const [failed] = await session.query(failJob(failure, request))
      return failed ?? null
    }
    const tokens = await agentTokens(
      report.resources,
      facts.agent_tokens ?? {},
      facts.workspace_id,
      isExternal ? tokenKeys : null,
    )
    const completion = {
      ...holder,
      inputs: facts.inputs,
      deadlineAt: schedule.deadlineAt,
      maxDeadlineAt: schedule.maxDeadlineAt,
      nextStartAt: schedule.nextStartAt,
      state: report.state,
      dailyCost: report.resources.reduce((cost, resource) => cost + (resource.daily_cost ?? 0), 0),
      hasExternalAgent: isExternal,
      rows: toResourceRows(
        report.resources,
        facts.transition,
        (agent) => tokens.get(agent.name) ?? noToken,
      ),
      timings: report.timings,
      replacements: report.replacements,
    }
    const [ended] = await session.query(completeBuildJob(completion, request))
    if (ended) return ended
  }
  throw new ApiError(503, "The workspace's schedule keeps changing. Please try again in a moment.")
}

function computeSchedule({ inputs, transition, build_created_at }: BuildFacts, completedAt: Date) {
  const quietHours = quietHoursOf(inputs.quiet_hours)
  return scheduleCompletion({
    completedAt,
    build: { transition, createdAt: build_created_at },
    workspace: {
      ttlMs: inputs.ttl_ms,
      autostartSchedule: inputs.autostart_schedule,
      isPrebuild: inputs.owner_id === prebuildsUserId,
    },
    template: autostopPolicyOf(inputs),
    quietHours: quietHours.ok ? quietHours.quietHours : null,
  })
}

const noToken: AgentToken = { hash: null, encrypted: null }

/**
 * Returns what each agent authenticates with: the token that the infrastructure chose, or the one
 * minted at acquire.
 */
async function agentTokens(
  resources: readonly ReportedResource[],
  minted: NonNullable<BuildFacts["agent_tokens"]>,
  workspaceId: string,
  tokenKeys: string | null,
): Promise<Map<string, AgentToken>> {
  const tokens = new Map<string, AgentToken>()
  for (const agent of resources.flatMap((resource): ReportedAgent[] => resource.agents ?? [])) {
    const own = minted[agent.name]
    if (agent.token === undefined) {
      tokens.set(agent.name, { hash: own?.hash ?? null, encrypted: own?.encrypted ?? null })
      continue
    }
    const token = agent.token.toLowerCase()
    tokens.set(agent.name, {
      hash: toHex(await sha256(token)),
      encrypted:
        tokenKeys === null
          ? null
          : await encryptToken(tokenKeys, agentTokenSubject(workspaceId, agent.name), token),
    })
  }
  return tokens
}
