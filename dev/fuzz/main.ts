// `npm run fuzz`: random requests to every operation of the OpenAPI document, for five minutes.
//
// It starts a system of its own. It fails if an answer is a 5xx or has a status that the document
// does not name. It also fails if the server takes a body that the document forbids.
//
//   FUZZ_SECONDS   how long (300)
//   FUZZ_SEED      the seed of an earlier run, which it prints
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { ApiDocument } from "../../src/platform/http/openapi-document.ts"
import { createApiClient, type ApiClient } from "../local/api-client.ts"
import { startLocalProvisioner } from "../local/provisioner.ts"
import { readSecrets } from "../local/secrets.ts"
import {
  createFirstUser,
  createProvisionerKey,
  ensureTemplate,
  ensureWorkspaces,
  signIn,
} from "../local/seed.ts"
import { startLocalSystem } from "../local/system.ts"
import { freePort } from "../process/free-port.ts"
import { rootDirectory } from "../root.ts"
import { problemOf, requestOf, targetsOf, type FuzzAnswer, type Target } from "./requests.ts"

const seconds = Number(process.env["FUZZ_SECONDS"] ?? 300)
const firstSeed = Number(process.env["FUZZ_SEED"] ?? Math.trunc(Math.random() * 2 ** 31))
const requestMsMax = 60_000
const directory = mkdtempSync(join(tmpdir(), "dormouse-fuzz-"))
const document = JSON.parse(
  readFileSync(join(rootDirectory, "openapi.json"), "utf8"),
) as ApiDocument
const stops: (() => Promise<void>)[] = []
const problems = new Map<string, string>()

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void end(1))

try {
  await fuzz()
  await end(problems.size === 0 ? 0 : 1)
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  await end(1)
}

async function fuzz(): Promise<void> {
  const { url, admin, token, ids } = await start()
  console.log(`seed ${firstSeed}, ${seconds} s`)
  const targets = targetsOf(document)
  const until = performance.now() + seconds * 1000
  const statuses = new Map<number, number>()
  let sent = 0
  let key = token
  while (performance.now() < until) {
    const target = targets[sent % targets.length]
    if (target === undefined) break
    const seed = firstSeed + sent
    const request = requestOf(target, document, ids, seed)
    const answer = await send(url, key, target, request)
    sent += 1
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
    if (answer.status === 401 && isOfPeople(target)) key = await newToken(admin)
    const problem = problemOf(target, request, answer)
    if (problem === null) continue
    const name = `${target.method} ${target.path} ${problem}`
    const shown = JSON.stringify(request.body)?.slice(0, 300) ?? ""
    problems.set(
      name,
      `  seed ${seed}: ${request.path.slice(0, 300)} ${shown}\n  ${answer.text.slice(0, 300)}`,
    )
  }
  const counts = [...statuses].toSorted(([a], [b]) => a - b)
  console.log(`${sent} requests to ${targets.length} operations:`)
  console.log(counts.map(([status, count]) => `${status}: ${count}`).join(", "))
  for (const [name, detail] of problems) console.error(`\n${name}\n${detail}`)
  console.log(`${problems.size} problems`)
}

/** A system with a template and workspaces, so that there are things to ask about. */
async function start() {
  const secrets = readSecrets(directory)
  const system = await startLocalSystem({
    directory,
    secrets,
    port: await freePort(),
    durable: false,
    onProgress: () => {},
  })
  stops.push(system.stop)
  const api = createApiClient(system.url)
  await createFirstUser(api.as(secrets.setupToken), secrets.password)
  const admin = await signIn(api, secrets.password)
  const provisioner = startLocalProvisioner({
    url: system.url,
    key: await createProvisionerKey(admin),
    directory,
    onEnd: () => {},
  })
  stops.push(provisioner.stop)
  const templateId = await ensureTemplate(admin)
  await ensureWorkspaces(admin, templateId)
  const ids = await idsOf(admin, templateId)
  return { url: system.url, admin, token: await newToken(admin), ids }
}

/** The ids of one thing of each kind. */
async function idsOf(admin: ApiClient, templateId: string): Promise<string[]> {
  const { workspaces } = await admin.call("GET", "/workspaces")
  const template = await admin.call("GET", `/templates/${templateId}`)
  const me = await admin.call("GET", "/users/me")
  return [
    templateId,
    template.active_version_id,
    ...me.organization_ids,
    ...workspaces.flatMap(
      (workspace: { id: string; name: string; latest_build: { id: string } }) => [
        workspace.id,
        workspace.name,
        workspace.latest_build.id,
      ],
    ),
  ]
}

/** A token for the requests: some of them end the session that they were sent with. */
async function newToken(admin: ApiClient): Promise<string> {
  const { key } = await admin.call("POST", "/users/me/keys/tokens", {})
  return key
}

function isOfPeople({ operation }: Target): boolean {
  return operation.security?.some((scheme) => "user" in scheme) === true
}

async function send(
  url: string,
  token: string,
  { method }: Target,
  { path, body }: { path: string; body: unknown },
): Promise<FuzzAnswer> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      "Coder-Session-Token": token,
      "X-Coder-Bypass-Ratelimit": "true",
      ...(body !== undefined && { "Content-Type": "application/json" }),
    },
    signal: AbortSignal.timeout(requestMsMax),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const type = response.headers.get("Content-Type") ?? ""
  const isStream = type.includes("event-stream")
  if (isStream) await response.body?.cancel()
  const text = isStream ? "" : await response.text()
  return { status: response.status, text, isJson: type.includes("json") }
}

async function end(code: number): Promise<void> {
  for (const stop of stops.splice(0).toReversed()) await stop().catch(() => {})
  rmSync(directory, { recursive: true, force: true })
  process.exit(code)
}
