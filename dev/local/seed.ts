// Fills a new local system through the public API: a first user, a template, a key, a few
// workspaces.
//
// Each step looks before it creates, so that the next run finishes a first run that was
// interrupted.
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { ApiFailure, type ApiClient } from "./api-client.ts"
import { rootDirectory } from "../root.ts"
import { packTemplate } from "./template-archive.ts"

export const firstUser = { email: "admin@example.com", username: "admin" }

const importMsMax = 60_000
const hourMs = 3_600_000

const workspaces = [
  { name: "atlas", ttl_ms: 8 * hourMs, autostart_schedule: "CRON_TZ=UTC 0 9 * * 1-5" },
  { name: "birch", ttl_ms: 2 * hourMs },
  { name: "comet", ttl_ms: null },
]

export async function needsFirstUser(api: ApiClient): Promise<boolean> {
  try {
    await api.call("GET", "/users/first")
    return false
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 404) return true
    throw error
  }
}

export async function createFirstUser(api: ApiClient, password: string): Promise<void> {
  await api.call("POST", "/users/first", {
    ...firstUser,
    name: "Local Admin",
    password,
    trial: false,
  })
}

export async function signIn(api: ApiClient, password: string): Promise<ApiClient> {
  const { session_token } = await api.call("POST", "/users/login", {
    email: firstUser.email,
    password,
  })
  return api.as(session_token)
}

/**
 * Creates a key for the local provisioner. The key of an earlier run, whose secret is lost, is
 * replaced.
 */
export async function createProvisionerKey(api: ApiClient): Promise<string> {
  const path = "/organizations/default/provisionerkeys"
  await api.call("DELETE", `${path}/local`).catch((error: unknown) => {
    if (!(error instanceof ApiFailure && error.status === 404)) throw error
  })
  const { key } = await api.call("POST", path, { name: "local", tags: {} })
  return key
}

type TemplateSeed = {
  /** Below dev/templates. */
  folder: string
  variables?: { name: string; value: string }[]
  /** Of the template. One of that name is kept as it is. */
  body: { name: string } & Record<string, unknown>
}

/** The template of scripts. Returns its id. */
export const ensureTemplate = (
  api: ApiClient,
  policy: Record<string, number> = {},
): Promise<string> =>
  ensure(api, {
    folder: "sandbox",
    body: {
      name: "sandbox",
      display_name: "Sandbox",
      description: "A directory on this machine, for trying things out.",
      icon: "/emojis/1f3d6.png",
      default_ttl_ms: 8 * hourMs,
      activity_bump_ms: hourMs,
      ...policy,
    },
  })

/** Its Terraform twin, whose workspaces are folders in `machines`. Needs a tool where jobs run. */
export const ensureTerraformTemplate = (api: ApiClient, machines: string): Promise<string> =>
  ensure(api, {
    folder: "terraform",
    variables: [{ name: "machines", value: machines }],
    body: {
      name: "terraform-sandbox",
      display_name: "Terraform sandbox",
      description: "The same by Terraform, with parameters, apps and a pool.",
      icon: "/icon/terraform.svg",
      default_ttl_ms: 8 * hourMs,
      activity_bump_ms: hourMs,
    },
  })

/** Pushes the folder as an archive and waits for its import. */
async function ensure(api: ApiClient, { folder, variables, body }: TemplateSeed): Promise<string> {
  const found = await api.call("GET", "/organizations/default/templates")
  const existing = found.find((template: { name: string }) => template.name === body.name)
  if (existing !== undefined) return existing.id
  const archive = await packTemplate(join(rootDirectory, "dev", "templates", folder))
  const { hash } = await api.call("POST", "/files", archive, "application/x-tar")
  const version = await api.call("POST", "/organizations/default/templateversions", {
    storage_method: "file",
    file_id: hash,
    provisioner: "terraform",
    tags: {},
    message: "The first version.",
    user_variable_values: variables ?? [],
  })
  await waitForJob(() => api.call("GET", `/templateversions/${version.id}`), importMsMax)
  const template = await api.call("POST", "/organizations/default/templates", {
    ...body,
    template_version_id: version.id,
  })
  return template.id
}

export async function ensureWorkspaces(api: ApiClient, templateId: string): Promise<string[]> {
  const found = await api.call("GET", "/workspaces?q=owner:me")
  const names = new Set(found.workspaces.map((workspace: { name: string }) => workspace.name))
  const missing = workspaces.filter((workspace) => !names.has(workspace.name))
  for (const workspace of missing) {
    await api.call("POST", "/users/me/workspaces", { template_id: templateId, ...workspace })
  }
  return missing.map(({ name }) => name)
}

type WithJob = { job: { status: string; error?: string } }

/** Waits until a job has succeeded; throws the job's error otherwise. */
export async function waitForJob(read: () => Promise<WithJob>, msMax: number): Promise<void> {
  const untilMs = performance.now() + msMax
  for (;;) {
    const { job } = await read()
    if (job.status === "succeeded") return
    if (job.status === "failed" || job.status === "canceled") {
      throw new Error(`the job ${job.status}: ${job.error ?? "no reason given"}`)
    }
    if (performance.now() > untilMs)
      throw new Error(`the job is still ${job.status} after ${msMax / 1000} s`)
    await sleep(150)
  }
}
