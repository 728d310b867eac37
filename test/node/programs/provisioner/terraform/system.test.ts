// A Terraform template from push to delete, through the whole local system and a real tool.
import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { packTar } from "modern-tar"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { type ApiClient, createApiClient } from "../../../../../dev/local/api-client.ts"
import { startLocalProvisioner } from "../../../../../dev/local/provisioner.ts"
import { readSecrets } from "../../../../../dev/local/secrets.ts"
import {
  createFirstUser,
  createProvisionerKey,
  ensureTerraformTemplate,
  signIn,
  waitForJob,
} from "../../../../../dev/local/seed.ts"
import { type LocalSystem, startLocalSystem } from "../../../../../dev/local/system.ts"
import { freePort } from "../../../../../dev/process/free-port.ts"
import { findRealTools } from "../../../../terraform/real-tools.ts"

const real = await findRealTools()
const jobMsMax = 120_000
const testMsMax = 300_000

test.runIf("skipped" in real)("a template runs from push to delete", ({ skip }) => {
  skip("skipped" in real ? real.skipped : undefined)
})

describe.skipIf("skipped" in real)("a template on a local system", () => {
  const stops: (() => Promise<unknown>)[] = []
  let api: ApiClient
  let system: LocalSystem
  let machines: string

  beforeAll(async () => {
    const directory = await mkdtemp(join(tmpdir(), "terraform-system-"))
    stops.push(() => rm(directory, { recursive: true, force: true }))
    machines = join(directory, "machines")
    if (!("skipped" in real)) vi.stubEnv("TF_CLI_CONFIG_FILE", real.env["TF_CLI_CONFIG_FILE"])
    vi.stubEnv("DORMOUSE_PROVISIONER_CACHE", join(directory, "cache"))
    const secrets = readSecrets(directory)
    const port = await freePort()
    system = await startLocalSystem({ directory, port, secrets, durable: false, onProgress() {} })
    stops.push(system.stop)
    const guest = createApiClient(system.url)
    await createFirstUser(guest.as(secrets.setupToken), secrets.password)
    api = await signIn(guest, secrets.password)
    const key = await createProvisionerKey(api)
    const provisioner = startLocalProvisioner({ url: system.url, key, directory, onEnd() {} })
    stops.push(provisioner.stop)
  }, testMsMax)
  afterAll(async () => {
    for (const stop of stops.toReversed()) await stop()
    vi.unstubAllEnvs()
  }, testMsMax)

  const done = (id: string) => waitForJob(() => api.call("GET", `/workspacebuilds/${id}`), jobMsMax)
  const create = async (name: string, body: object) => {
    const workspace = await api.call("POST", "/users/me/workspaces", { name, ...body })
    await done(workspace.latest_build.id)
    return api.call("GET", `/workspaces/${workspace.id}`)
  }
  const build = async (workspaceId: string, body: object) => {
    const { id } = await api.call("POST", `/workspaces/${workspaceId}/builds`, body)
    await done(id)
    return api.call("GET", `/workspacebuilds/${id}`)
  }
  // oxlint-disable-next-line typescript/no-explicit-any -- a test asserts what it expects
  const agentsOf = (build: any) =>
    build.resources.flatMap((resource: { agents?: object[] }) => resource.agents ?? [])

  test(
    "is pushed, created, watched, stopped, started with other parameters, and deleted",
    async () => {
      const templateId = await ensureTerraformTemplate(api, machines)
      const { active_version_id: versionId } = await api.call("GET", `/templates/${templateId}`)
      const parameters = await api.call("GET", `/templateversions/${versionId}/rich-parameters`)
      expect(parameters.map(({ name }: { name: string }) => name)).toEqual([
        "greeting",
        "size",
        "shell",
        "keep_awake",
      ])
      const log = await api.call("GET", `/templateversions/${versionId}/logs`)
      const stages = new Set(log.map(({ stage }: { stage: string }) => stage))
      expect([...stages]).toEqual(["Initializing", "Planning a start", "Planning a stop"])

      const run = await api.call("POST", `/templateversions/${versionId}/dry-run`, {
        workspace_name: "tried",
        rich_parameter_values: [{ name: "size", value: "8" }],
      })
      const runPath = `/templateversions/${versionId}/dry-run/${run.id}`
      await waitForJob(async () => ({ job: await api.call("GET", runPath) }), jobMsMax)
      expect(agentsOf({ resources: await api.call("GET", `${runPath}/resources`) })).toHaveLength(1)

      const workspace = await create("atlas", { template_id: templateId })
      const home = join(machines, workspace.id)
      expect(existsSync(home)).toBe(true)
      const [agent] = agentsOf(workspace.latest_build)
      expect(agent).toMatchObject({
        name: "main",
        directory: home,
        environment_variables: { WORKSPACE_SHELL: "sh" },
        apps: [{ slug: "docs" }, { slug: "files" }],
      })
      await vi.waitFor(
        async () => {
          const read = await api.call("GET", `/workspaceagents/${agent.id}`)
          expect(read.status).toBe("connected")
        },
        { timeout: 90_000, interval: 500 },
      )
      const buildLog = await api.call("GET", `/workspacebuilds/${workspace.latest_build.id}/logs`)
      expect(buildLog.at(-1).stage).toBe("Starting the workspace")
      const timings = await api.call("GET", `/workspacebuilds/${workspace.latest_build.id}/timings`)
      expect(timings.provisioner_timings).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ stage: "apply", resource: "terraform_data.home" }),
        ]),
      )

      const stopped = await build(workspace.id, { transition: "stop" })
      expect(stopped.resources.map(({ name }: { name: string }) => name)).toEqual(["home"])
      const started = await build(workspace.id, {
        transition: "start",
        rich_parameter_values: [
          { name: "size", value: "4" },
          { name: "shell", value: "bash" },
        ],
      })
      expect(agentsOf(started)[0].environment_variables).toEqual({ WORKSPACE_SHELL: "bash" })
      await build(workspace.id, { transition: "delete" })
      expect(existsSync(home)).toBe(false)
    },
    testMsMax,
  )

  test(
    "keeps a pool, and the machine of a claimed prebuild keeps its token",
    async () => {
      const templateId = await ensureTerraformTemplate(api, machines)
      const { active_version_id: versionId } = await api.call("GET", `/templates/${templateId}`)
      const [preset] = await api.call("GET", `/templateversions/${versionId}/presets`)
      await system.worker.tick(new Date())
      const prebuild = await vi.waitFor(
        async () => {
          const { workspaces } = await api.call("GET", "/workspaces?q=owner:prebuilds")
          const [ready] = workspaces
          expect(ready?.health.healthy).toBe(true)
          expect(agentsOf(ready.latest_build)[0].lifecycle_state).toBe("ready")
          return ready
        },
        { timeout: 150_000, interval: 1_000 },
      )
      const claimed = await create("claimed", {
        template_version_id: versionId,
        template_version_preset_id: preset.ID,
      })
      expect(claimed.id).toBe(prebuild.id)
      const { id } = agentsOf(claimed.latest_build)[0]
      await vi.waitFor(
        async () =>
          expect((await api.call("GET", `/workspaceagents/${id}`)).status).toBe("connected"),
        { timeout: 90_000, interval: 500 },
      )
      await build(claimed.id, { transition: "delete" })
    },
    testMsMax,
  )

  test(
    "whose apply fails leaves a workspace that the next version starts",
    async () => {
      const main = (command: string) => `terraform {
  required_providers {
    coder = { source = "coder/coder" }
  }
}
resource "coder_agent" "main" {
  os   = "linux"
  arch = "amd64"
}
resource "terraform_data" "machine" {
  input = coder_agent.main.token
  provisioner "local-exec" {
    command = "${command}"
  }
}
`
      const push = async (text: string, template?: string) => {
        const size = Buffer.byteLength(text)
        const header = { name: "main.tf", size, mode: 0o644, type: "file" as const }
        const archive = await packTar([{ header, body: text }])
        const { hash } = await api.call("POST", "/files", archive, "application/x-tar")
        const version = await api.call("POST", "/organizations/default/templateversions", {
          storage_method: "file",
          file_id: hash,
          provisioner: "terraform",
          tags: {},
          ...(template !== undefined && { template_id: template }),
        })
        await waitForJob(() => api.call("GET", `/templateversions/${version.id}`), jobMsMax)
        return version.id
      }
      const { id: templateId } = await api.call("POST", "/organizations/default/templates", {
        name: "failing",
        template_version_id: await push(main("echo no host has room >&2; exit 3")),
      })
      await expect(create("broken", { template_id: templateId })).rejects.toThrow(
        "no host has room",
      )
      const workspace = await api.call("GET", "/users/me/workspace/broken")
      const repaired = await push(main("true"), templateId)
      const started = await build(workspace.id, {
        transition: "start",
        template_version_id: repaired,
      })
      expect(started.status).toBe("running")

      const slow = await push(
        main("for i in $(seq 60); do echo tick $i; sleep 1; done"),
        templateId,
      )
      const { id } = await api.call("POST", `/workspaces/${workspace.id}/builds`, {
        transition: "start",
        template_version_id: slow,
      })
      await vi.waitFor(
        async () => {
          const log = await api.call("GET", `/workspacebuilds/${id}/logs`)
          expect(log.some(({ stage }: { stage: string }) => stage === "Planning")).toBe(true)
        },
        { timeout: 60_000, interval: 200 },
      )
      await api.call("PATCH", `/workspacebuilds/${id}/cancel`)
      await vi.waitFor(
        async () => {
          const { job } = await api.call("GET", `/workspacebuilds/${id}`)
          expect(job.status).toBe("canceled")
        },
        { timeout: 90_000, interval: 500 },
      )
      const deleted = await build(workspace.id, { transition: "delete" })
      expect(deleted.status).toBe("deleted")
    },
    testMsMax,
  )
})
