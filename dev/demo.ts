// `npm run demo`: a scripted week of two people in about a minute, on a system of its own whose clock it moves.
//
// All that happens goes through the public HTTP API; what is told was read back through it. Exits 1 when something did not happen.
import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { createApiClient, type ApiClient } from "./api-client.ts"
import { startDemoClock } from "./demo-clock.ts"
import { playDays, policy } from "./demo-days.ts"
import { createStory } from "./demo-story.ts"
import { freePort } from "./free-port.ts"
import { startLocalProvisioner, type LocalProvisioner } from "./local-provisioner.ts"
import { readSecrets } from "./local-secrets.ts"
import { startLocalSystem, type LocalSystem } from "./local-system.ts"
import { rootDirectory } from "./root.ts"
import { createFirstUser, createProvisionerKey, ensureTemplate, signIn } from "./seed.ts"

const directory = join(rootDirectory, ".data", `demo-${process.pid}`)
const dayMs = 24 * 3_600_000
/** The wire gives lifetimes in nanoseconds. */
const tokenLifetimeNs = 14 * dayMs * 1_000_000
const startedAtMs = performance.now()
let opening: Promise<LocalSystem> | undefined
let provisioner: LocalProvisioner | undefined
let isStopping = false

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void end(130))

try {
  await run()
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(0)
  console.log(`\nAll of it happened (${seconds} s).`)
  await end(0)
} catch (error) {
  if (!isStopping) {
    console.error(`\nFAILED: ${error instanceof Error ? error.message : String(error)}`)
    showLastLines("provisioner.log")
    showLastLines("worker.log")
  }
  await end(1)
}

async function run(): Promise<void> {
  mkdirSync(directory, { recursive: true })
  const secrets = readSecrets(directory)
  console.log("Starting a system of its own, with an empty database and a clock that the demo moves.")
  opening = startLocalSystem({
    directory,
    port: await freePort(),
    secrets,
    durable: false,
    onProgress: () => {
      if (isStopping) throw new Error("stopped while starting")
    },
  })
  const { url, worker } = await opening
  const api = createApiClient(url)
  const mondayAt = nextMonday(new Date())
  const daemons: { heartbeat: () => Promise<void> }[] = []
  const clock = await startDemoClock({
    worker,
    startAt: new Date(mondayAt.getTime() + 8 * 3_600_000),
    beforeTick: async () => {
      for (const daemon of daemons) await daemon.heartbeat()
    },
  })
  const story = createStory(clock.now, console.log)

  story.chapter("Before work")
  await createFirstUser(api.as(secrets.setupToken), secrets.password)
  const admin = await signIn(api, secrets.password)
  const key = await createProvisionerKey(admin)
  provisioner = startLocalProvisioner({
    url,
    key,
    directory,
    onEnd: (code) => console.error(`the provisioner ended (${code})`),
  })
  const templateId = await ensureTemplate(admin, policy)
  story.tell(
    "a template: 4 hours at a time, an hour more with use, dormant after 2 days, deleted a day later",
  )
  const found: { id: string; name: string }[] = await admin.call(
    "GET",
    "/organizations/default/provisionerdaemons",
  )
  for (const { id } of found) daemons.push({ heartbeat: () => heartbeat(url, key, id) })
  story.tell(`a provisioner at work: ${found.map(({ name }) => name).join(", ")}`)
  const ada = await admit(api, admin, "ada")
  const grace = await admit(api, admin, "grace")
  await playDays({ ada, grace, templateId, clock, story, mondayAt })
}

/** Makes a person and signs them in. */
async function admit(api: ApiClient, admin: ApiClient, username: string): Promise<ApiClient> {
  const password = readSecrets(directory).password
  const email = `${username}@example.com`
  const { id } = await admin.call("GET", "/organizations/default")
  await admin.call("POST", "/users", {
    email,
    username,
    password,
    login_type: "password",
    organization_ids: [id],
  })
  const { session_token } = await api.call("POST", "/users/login", { email, password })
  // A session lasts a day after its last use; the demo is away for longer.
  const { key } = await api
    .as(session_token)
    .call("POST", "/users/me/keys/tokens", { token_name: "demo", lifetime: tokenLifetimeNs, scope: "all" })
  return api.as(key)
}

/** The demo leaps over the minutes in which the daemon would have said that it lives. */
async function heartbeat(url: string, key: string, daemonId: string): Promise<void> {
  const response = await fetch(`${url}/api/v2/provisionerdaemons/${daemonId}/heartbeat`, {
    method: "POST",
    headers: { "Coder-Provisioner-Daemon-Key": key },
  })
  if (!response.ok)
    throw new Error(`the provisioner's heartbeat was refused: ${response.status} ${await response.text()}`)
}

/** The first midnight of a Monday that is still to come, so that no alarm of the platform's clock is ahead of the demo's. */
function nextMonday(now: Date): Date {
  const midnightMs = Math.floor(now.getTime() / dayMs) * dayMs
  const daysAhead = (8 - new Date(midnightMs).getUTCDay()) % 7 || 7
  return new Date(midnightMs + daysAhead * dayMs)
}

function showLastLines(name: string): void {
  try {
    const lines = readFileSync(join(directory, name), "utf8").trim().split("\n").slice(-15)
    console.error(`\nThe end of ${name}:\n${lines.join("\n")}`)
  } catch {
    // It never came to write one.
  }
}

async function end(code: number): Promise<void> {
  if (isStopping) return
  isStopping = true
  await provisioner?.stop()
  const system = await opening?.catch(() => undefined)
  await system?.stop()
  rmSync(directory, { recursive: true, force: true })
  process.exit(code)
}
