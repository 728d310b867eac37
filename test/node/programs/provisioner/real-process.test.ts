// The template of docs/templates.md, as a newcomer would push it: a real process that the workspace
// starts, an update replaces, and a stop or a deletion ends, through the whole local system with
// the provisioner as a program of its own.
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { packTar } from "modern-tar"
import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { createApiClient, type ApiClient } from "../../../../dev/local/api-client.ts"
import { freePort } from "../../../../dev/process/free-port.ts"
import { startLocalProvisioner } from "../../../../dev/local/provisioner.ts"
import { readSecrets } from "../../../../dev/local/secrets.ts"
import { startLocalSystem } from "../../../../dev/local/system.ts"
import {
  createFirstUser,
  createProvisionerKey,
  signIn,
  waitForJob,
} from "../../../../dev/local/seed.ts"

const jobMsMax = 60_000
const stops: (() => Promise<unknown>)[] = []
let api: ApiClient
let startProvisioner: () => ReturnType<typeof startLocalProvisioner>

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), "real-process-"))
  stops.push(() => rm(directory, { recursive: true, force: true }))
  const secrets = readSecrets(directory)
  const port = await freePort()
  const system = await startLocalSystem({
    directory,
    port,
    secrets,
    durable: false,
    onProgress() {},
  })
  stops.push(system.stop)
  const guest = createApiClient(system.url)
  await createFirstUser(guest.as(secrets.setupToken), secrets.password)
  api = await signIn(guest, secrets.password)
  const key = await createProvisionerKey(api)
  startProvisioner = () => startLocalProvisioner({ url: system.url, key, directory, onEnd() {} })
}, 120_000)
afterAll(async () => {
  for (const stop of stops.toReversed()) await stop()
})

/** The files that the guide shows, in their order: the manifest, start.sh, stop.sh. */
async function readGuide(): Promise<{ name: string; text: string }[]> {
  const guide = await readFile(new URL("../../../../docs/templates.md", import.meta.url), "utf8")
  const blocks = [...guide.matchAll(/^```(?:json|sh)\n([\s\S]*?)^```$/gm)].map(
    ([, text = ""]) => text,
  )
  return ["dormouse.json", "start.sh", "stop.sh"].map((name, index) => ({
    name,
    text: blocks[index] ?? "",
  }))
}

/** Pushes a version and waits for its import. */
async function push(files: { name: string; text: string }[], templateId?: string): Promise<string> {
  const archive = await packTar(
    files.map(({ name, text }) => ({
      header: { name, size: Buffer.byteLength(text), mode: 0o755, type: "file" as const },
      body: text,
    })),
  )
  const { hash } = await api.call("POST", "/files", archive, "application/x-tar")
  const version = await api.call("POST", "/organizations/default/templateversions", {
    storage_method: "file",
    file_id: hash,
    provisioner: "terraform",
    tags: {},
    ...(templateId !== undefined && { template_id: templateId }),
  })
  await waitForJob(() => api.call("GET", `/templateversions/${version.id}`), jobMsMax)
  return version.id
}

/** The answer of the workspace's process, or null if nothing listens. */
const ask = (port: number) =>
  fetch(`http://127.0.0.1:${port}`, { headers: { Connection: "close" } }).then(
    (answer) => answer.text(),
    () => null,
  )
const answers = (port: number, text: string | null) =>
  vi.waitFor(async () => expect(await ask(port)).toBe(text), { timeout: 60_000, interval: 100 })

test("a process outlives its provisioner, is replaced by an update, stopped, started and deleted", async () => {
  let provisioner = startProvisioner()
  stops.push(() => provisioner.stop())
  const files = await readGuide()
  const first = await push(files)
  const template = await api.call("POST", "/organizations/default/templates", {
    name: "server",
    template_version_id: first,
  })
  const port = await freePort()
  const workspace = await api.call("POST", "/users/me/workspaces", {
    name: "web",
    template_id: template.id,
    rich_parameter_values: [{ name: "port", value: String(port) }],
  })
  const done = (id: string) => waitForJob(() => api.call("GET", `/workspacebuilds/${id}`), jobMsMax)
  const build = async (body: object) => {
    const { id } = await api.call("POST", `/workspaces/${workspace.id}/builds`, body)
    await done(id)
    return api.call("GET", `/workspacebuilds/${id}`)
  }
  await done(workspace.latest_build.id)
  await answers(port, "hello")
  const [line] = await api.call("GET", `/workspacebuilds/${workspace.latest_build.id}/logs`)
  expect(line.output).toMatch(new RegExp(`^serving on ${port} as process \\d+$`))

  await provisioner.stop()
  await answers(port, "hello")
  provisioner = startProvisioner()

  const greeting = files.map(({ name, text }) => ({
    name,
    text: text.replace('"hello"', '"hello again"'),
  }))
  const second = await push(greeting, template.id)
  await api.call("PATCH", `/templates/${template.id}/versions`, { id: second })
  expect((await api.call("GET", `/workspaces/${workspace.id}`)).outdated).toBe(true)
  const updated = await build({ transition: "start", template_version_id: second })
  expect(updated).toMatchObject({ build_number: 2, status: "running", template_version_id: second })
  await answers(port, "hello again")
  expect(await api.call("GET", `/workspacebuilds/${updated.id}/parameters`)).toEqual([
    { name: "port", value: String(port) },
  ])

  expect(await build({ transition: "stop" })).toMatchObject({ status: "stopped", resources: [] })
  expect(await ask(port)).toBeNull()
  expect((await build({ transition: "start" })).status).toBe("running")
  await answers(port, "hello again")
  expect((await build({ transition: "delete" })).status).toBe("deleted")
  expect(await ask(port)).toBeNull()
  await expect(api.call("GET", `/workspaces/${workspace.id}`)).rejects.toMatchObject({
    status: 410,
  })
  await api.call("DELETE", `/templates/${template.id}`)
}, 240_000)
