// `npm run demo`: a scripted week of two people in about a minute.
//
// It runs on a system of its own, whose clock it moves. Everything goes through the public HTTP API
// and is read back through it. Exits 1 if something did not happen.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { createApiClient, type ApiClient } from "../local/api-client.ts"
import { startDemoClock } from "./clock.ts"
import { playDays, policy } from "./days.ts"
import { watchPool } from "./pool.ts"
import { createStory, type Story } from "./story.ts"
import { freePort } from "../process/free-port.ts"
import { startLocalProvisioner, type LocalProvisioner } from "../local/provisioner.ts"
import { readSecrets } from "../local/secrets.ts"
import { startLocalSystem, type LocalSystem } from "../local/system.ts"
import { isAlive } from "../process/table.ts"
import { rootDirectory } from "../root.ts"
import { claimRun, type RunClaim } from "../process/run-claim.ts"
import { createFirstUser, createProvisionerKey, ensureTemplate, signIn } from "../local/seed.ts"

const directory = join(rootDirectory, ".data", `demo-${process.pid}`)
const dayMs = 24 * 3_600_000
/** Durations on the wire are in nanoseconds. */
const tokenLifetimeNs = 6 * dayMs * 1_000_000
const startedAtMs = performance.now()
let claim: RunClaim | undefined
let opening: Promise<LocalSystem> | undefined
let provisioner: LocalProvisioner | undefined
let isStopping = false

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => void end(130))

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
  await removeAbandoned(join(rootDirectory, ".data"))
  mkdirSync(directory, { recursive: true })
  claim = await claimRun(directory)
  const secrets = readSecrets(directory)
  console.log(
    "Starting a system of its own, with an empty database and a clock that the demo moves.",
  )
  opening = startLocalSystem({
    directory,
    port: await freePort(),
    secrets,
    durable: false,
    onProgress: () => {
      if (isStopping) throw new Error("stopped while starting")
      claim?.recordChildren()
    },
  })
  const { url, worker } = await opening
  const api = createApiClient(url)
  const mondayAt = nextMonday(new Date())
  // Set once there is a provisioner, below.
  let settle = async () => {}
  let liveOn = async () => {}
  const clock = await startDemoClock({
    worker,
    startAt: new Date(mondayAt.getTime() + 8 * 3_600_000),
    beforeLeap: () => settle(),
    beforeTick: () => liveOn(),
  })
  const story = createStory(clock.now, console.log)

  story.chapter("Before work")
  await createFirstUser(api.as(secrets.setupToken), secrets.password)
  const admin = await forLonger(api, await signIn(api, secrets.password))
  const key = await createProvisionerKey(admin)
  provisioner = startLocalProvisioner({
    url,
    key,
    directory,
    onEnd: (code) => console.error(`the provisioner ended (${code})`),
  })
  claim.recordChildren()
  const templateId = await ensureTemplate(admin, policy)
  story.tell(
    "a template: 4 hours at a time, an hour more with use, dormant after 2 days, deleted a day later",
  )
  const found: { id: string; name: string }[] = await admin.call(
    "GET",
    "/organizations/default/provisionerdaemons",
  )
  liveOn = async () => {
    for (const { id } of found) await heartbeat(url, key, id)
  }
  story.tell(`a provisioner at work: ${found.map(({ name }) => name).join(", ")}`)
  settle = () => jobsEnd(admin, story)
  const pool = watchPool(admin, templateId, clock, story)
  await pool.refills(0)
  const ada = await admit(api, admin, "ada")
  const grace = await admit(api, admin, "grace")
  await playDays({ ada, grace, templateId, pool, clock, story, mondayAt })
}

/** Creates a person and signs them in. */
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
  return forLonger(api, api.as(session_token))
}

/** A session lasts a day after its last use, and the demo is away for longer. */
async function forLonger(api: ApiClient, session: ApiClient): Promise<ApiClient> {
  const asked = { token_name: "demo", lifetime: tokenLifetimeNs, scope: "all" }
  const { key } = await session.call("POST", "/users/me/keys/tokens", asked)
  return api.as(key)
}

/** A job takes seconds. Skipping half an hour of it would make the reaper fail it. */
async function jobsEnd(admin: ApiClient, story: Story): Promise<void> {
  await story.until(
    "the provisioner ends its jobs",
    () =>
      admin.call("GET", "/organizations/default/provisionerjobs?status=pending,running,canceling"),
    (jobs: unknown[]) => jobs.length === 0,
  )
}

/** Sends the heartbeats that the daemon would have sent in the skipped minutes. */
async function heartbeat(url: string, key: string, daemonId: string): Promise<void> {
  const response = await fetch(`${url}/api/v2/provisionerdaemons/${daemonId}/heartbeat`, {
    method: "POST",
    headers: { "Coder-Provisioner-Daemon-Key": key },
  })
  if (!response.ok)
    throw new Error(
      `the provisioner's heartbeat was refused: ${response.status} ${await response.text()}`,
    )
}

/**
 * The first Monday's midnight in the future, so that no alarm of the real clock is ahead of the
 * demo's.
 */
function nextMonday(now: Date): Date {
  const midnightMs = Math.floor(now.getTime() / dayMs) * dayMs
  const daysAhead = (8 - new Date(midnightMs).getUTCDay()) % 7 || 7
  return new Date(midnightMs + daysAhead * dayMs)
}

/** Ends the processes and removes the folders of demos that were killed. */
async function removeAbandoned(parent: string): Promise<void> {
  const names = existsSync(parent)
    ? readdirSync(parent).filter((name) => /^demo-\d+$/.test(name))
    : []
  for (const name of names) {
    if (isAlive(Number(name.slice("demo-".length)))) continue
    await claimRun(join(parent, name))
    rmSync(join(parent, name), { recursive: true, force: true })
  }
}

function showLastLines(name: string): void {
  try {
    const lines = readFileSync(join(directory, name), "utf8").trim().split("\n").slice(-15)
    console.error(`\nThe end of ${name}:\n${lines.join("\n")}`)
  } catch {
    // The log was never written.
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
