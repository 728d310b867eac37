// The environment variables of a template's script (docs/templates.md).
import type { AcquiredJob } from "../../../../queue/jobs/protocol.ts"
import type { Build } from "../engine.ts"

export type ScriptFiles = { request: string; output: string; state: string }

/** Secrets of the daemon, which no script gets. */
const daemonSecrets = ["DORMOUSE_PROVISIONER_KEY"]

/** Letters and digits, upper-case, everything else an underscore: `cpu count` is `CPU_COUNT`. */
export const variableName = (name: string) => name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")

export function scriptEnv(
  inherited: Readonly<Record<string, string | undefined>>,
  job: AcquiredJob,
  build: Build,
  files: ScriptFiles,
): Record<string, string | undefined> {
  const env: Record<string, string | undefined> = { ...inherited }
  for (const name of daemonSecrets) delete env[name]
  Object.assign(env, facts(job, build), {
    DORMOUSE_REQUEST: files.request,
    DORMOUSE_OUTPUT: files.output,
    DORMOUSE_STATE: files.state,
  })
  for (const { name, value } of build.parameters)
    env[`DORMOUSE_PARAM_${variableName(name)}`] = value
  for (const { name, value } of build.variables) env[`DORMOUSE_VAR_${variableName(name)}`] = value
  const tokens = Object.entries(build.agent_tokens)
  for (const [agent, token] of tokens) env[`DORMOUSE_AGENT_TOKEN_${variableName(agent)}`] = token
  const [only] = tokens
  if (only !== undefined && tokens.length === 1) {
    env["DORMOUSE_AGENT_TOKEN"] = only[1]
    env["CODER_AGENT_TOKEN"] = only[1]
  }
  if (build.stage === "create") env["CODER_WORKSPACE_IS_PREBUILD"] = "true"
  if (build.stage === "claim") env["CODER_WORKSPACE_IS_PREBUILD_CLAIM"] = "true"
  return env
}

function facts(job: AcquiredJob, build: Build): Record<string, string> {
  return {
    DORMOUSE_TRANSITION: build.transition,
    DORMOUSE_REASON: build.reason,
    DORMOUSE_STAGE: build.stage,
    DORMOUSE_BUILD_ID: build.id,
    DORMOUSE_BUILD_NUMBER: String(build.number),
    DORMOUSE_WORKSPACE_ID: build.workspace.id,
    DORMOUSE_WORKSPACE_NAME: build.workspace.name,
    DORMOUSE_WORKSPACE_CREATED_AT: build.workspace.created_at,
    DORMOUSE_OWNER_ID: build.owner.id,
    DORMOUSE_OWNER_USERNAME: build.owner.username,
    DORMOUSE_OWNER_EMAIL: build.owner.email,
    DORMOUSE_OWNER_NAME: build.owner.name,
    DORMOUSE_ORGANIZATION_ID: job.organization.id,
    DORMOUSE_ORGANIZATION_NAME: job.organization.name,
    DORMOUSE_TEMPLATE_ID: job.template?.id ?? "",
    DORMOUSE_TEMPLATE_NAME: job.template?.name ?? "",
    DORMOUSE_TEMPLATE_VERSION_ID: job.template?.version_id ?? "",
    DORMOUSE_TEMPLATE_VERSION_NAME: job.template?.version_name ?? "",
    DORMOUSE_ACCESS_URL: build.access_url,
    CODER_AGENT_URL: build.access_url,
  }
}
