// The environment of the tool's commands: what the provider `coder/coder` reads, and what keeps
// runs apart.
import { createHash } from "node:crypto"
import { initScript } from "../../../../agents/external/init-script.ts"
import type { AcquiredJob } from "../../../../queue/jobs/protocol.ts"
import type { Build } from "../engine.ts"

export type Env = Record<string, string | undefined>
type NamedValue = { name: string; value: string }

const hex = (text: string) => createHash("sha256").update(text).digest("hex")

/**
 * The provider gives this token to every agent of the run; without it each agent gets a random one.
 */
export const tokenVariable = `CODER_RUNNING_WORKSPACE_AGENT_TOKEN_${hex("")}`

/**
 * The daemon's own variables, and those that would change what the tool does. Cloud credentials
 * pass.
 */
const isPrivate = (name: string) =>
  /^(CODER_|DORMOUSE_|TF_VAR_|TF_CLI_ARGS|TF_LOG)/.test(name) ||
  ["TF_WORKSPACE", "TF_DATA_DIR", "TF_REATTACH_PROVIDERS"].includes(name)

/** Of every job: the tool's manners, and the facts of the control plane. */
export function commonEnv(
  inherited: Readonly<Env>,
  job: AcquiredJob,
  providersDirectory: string,
): Env {
  const env: Env = {}
  for (const [name, value] of Object.entries(inherited)) if (!isPrivate(name)) env[name] = value
  return Object.assign(env, {
    TF_IN_AUTOMATION: "1",
    TF_INPUT: "0",
    CHECKPOINT_DISABLE: "1",
    TF_PLUGIN_CACHE_DIR: inherited["TF_PLUGIN_CACHE_DIR"] || providersDirectory,
    // Without it Terraform downloads the providers of a template without lock file for each job.
    TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE: "1",
    CODER_AGENT_URL: job.access_url,
    CODER_WORKSPACE_TEMPLATE_ID: job.template?.id ?? "",
    CODER_WORKSPACE_TEMPLATE_NAME: job.template?.name ?? "",
    CODER_WORKSPACE_TEMPLATE_VERSION: job.template?.version_name ?? "",
    ...ownerEnv(job),
    ...initScripts(job.access_url),
  })
}

function ownerEnv({ owner }: AcquiredJob): Env {
  return {
    CODER_WORKSPACE_OWNER: owner.username,
    CODER_WORKSPACE_OWNER_ID: owner.id,
    // Without a name the provider would say "default", and git would commit by that name.
    CODER_WORKSPACE_OWNER_NAME: owner.name.trim() === "" ? owner.username : owner.name,
    CODER_WORKSPACE_OWNER_EMAIL: owner.email,
    CODER_WORKSPACE_OWNER_GROUPS: JSON.stringify(owner.groups),
    CODER_WORKSPACE_OWNER_RBAC_ROLES: JSON.stringify(owner.roles),
    CODER_WORKSPACE_OWNER_LOGIN_TYPE: owner.login_type,
    ...(owner.ssh_key !== undefined && {
      CODER_WORKSPACE_OWNER_SSH_PUBLIC_KEY: owner.ssh_key.public,
      CODER_WORKSPACE_OWNER_SSH_PRIVATE_KEY: owner.ssh_key.private,
    }),
  }
}

function initScripts(accessUrl: string): Env {
  const env: Env = {}
  for (const os of ["linux", "darwin", "windows"]) {
    for (const arch of ["amd64", "arm64", "armv7"]) {
      const script = initScript(os, arch, accessUrl)
      if (script !== null) env[`CODER_AGENT_SCRIPT_${os}_${arch}`] = script
    }
  }
  return env
}

/**
 * Of a build. The id makes the provider strict: it then refuses an owner or a workspace without a
 * name.
 */
export function buildEnv(build: Build): Env {
  return {
    CODER_WORKSPACE_BUILD_ID: build.id,
    CODER_WORKSPACE_ID: build.workspace.id,
    CODER_WORKSPACE_NAME: build.workspace.name,
    CODER_WORKSPACE_TRANSITION: build.transition === "delete" ? "destroy" : build.transition,
    ...(build.stage === "create" && { CODER_WORKSPACE_IS_PREBUILD: "true" }),
    ...(build.stage === "claim" && { CODER_WORKSPACE_IS_PREBUILD_CLAIM: "true" }),
    ...parameterEnv("CODER_PARAMETER", build.parameters),
    ...parameterEnv("CODER_PARAMETER_PREVIOUS", build.previous_parameters),
  }
}

/** An empty value is a value: absence alone means the default. */
export const parameterEnv = (prefix: string, values: readonly NamedValue[]): Env =>
  Object.fromEntries(values.map(({ name, value }) => [`${prefix}_${hex(name)}`, value]))

/**
 * The values of variables. As arguments in the environment they beat the files of the archive,
 * which `TF_VAR_` does not, and no list of processes shows them. OpenTofu wants them at the apply
 * as well.
 */
export function variableEnv(values: readonly NamedValue[], product: "OpenTofu" | "Terraform"): Env {
  if (values.length === 0) return {}
  const args = values
    .map(({ name, value }) => `-var='${`${name}=${value}`.replaceAll("'", String.raw`'\''`)}'`)
    .join(" ")
  return {
    ...Object.fromEntries(values.map(({ name, value }) => [`TF_VAR_${name}`, value])),
    TF_CLI_ARGS_plan: args,
    ...(product === "OpenTofu" && { TF_CLI_ARGS_apply: args }),
  }
}
