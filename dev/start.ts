// `npm start`: brings up the whole system on this machine and fills it on its first run. Ctrl-C stops all of it.
//
//   --migrate        brings the database of DATABASE_URL up to the newest migration first
//   DATABASE_URL     use this database instead of the embedded one; it is never seeded
//   DORMOUSE_PORT, DORMOUSE_POSTGRES_PORT, DORMOUSE_ENDPOINT_PORT    fixed ports in the place of free ones
import { join } from "node:path"
import { createApiClient } from "./api-client.ts"
import { readDatabaseUrl } from "./database-url.ts"
import { choosePort, preferPort } from "./free-port.ts"
import { readSecrets, writeSecrets } from "./local-secrets.ts"
import { startLocalProvisioner } from "./local-provisioner.ts"
import { startLocalSystem, type LocalSystem } from "./local-system.ts"
import { startMinuteClock } from "./minute-clock.ts"
import { rootDirectory } from "./root.ts"
import {
  createFirstUser,
  createProvisionerKey,
  ensureTemplate,
  ensureWorkspaces,
  firstUser,
  needsFirstUser,
  signIn,
} from "./seed.ts"

const directory = join(rootDirectory, ".data")
const usualPort = 7080
const startedAtMs = performance.now()
const stops: (() => Promise<void>)[] = []
let opening: Promise<LocalSystem> | undefined
let isStopping = false

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void shutDown(0))

try {
  await start()
} catch (error) {
  if (!isStopping) console.error(`\n${error instanceof Error ? error.message : String(error)}`)
  await shutDown(1)
}

async function start(): Promise<void> {
  const secrets = readSecrets(directory)
  const asked = process.env["DATABASE_URL"]
  const external =
    asked === undefined || asked === ""
      ? undefined
      : { database: readDatabaseUrl(asked), mayMigrate: process.argv.includes("--migrate") }
  const given = process.env["DORMOUSE_PORT"]
  opening = startLocalSystem({
    directory,
    secrets,
    port: given === undefined ? await preferPort(usualPort) : await choosePort(given, "DORMOUSE_PORT"),
    ...(external === undefined ? {} : { external }),
    ...(await fixedPorts()),
    onProgress: progress,
  })
  const system = await opening
  if (external === undefined) await seed(system)
  const clock = startMinuteClock(system.worker, (message) => console.error(`the tick failed: ${message}`))
  stops.push(clock.stop)
  if (external === undefined) greet(system.url, secrets.password)
  else console.log(`\nDormouse runs at ${system.url}, on the database of DATABASE_URL. Ctrl-C stops it.`)
}

async function fixedPorts(): Promise<{ postgresPort?: number; endpointPort?: number }> {
  const { DORMOUSE_POSTGRES_PORT: postgres, DORMOUSE_ENDPOINT_PORT: endpoint } = process.env
  return {
    ...(postgres === undefined ? {} : { postgresPort: await choosePort(postgres, "DORMOUSE_POSTGRES_PORT") }),
    ...(endpoint === undefined ? {} : { endpointPort: await choosePort(endpoint, "DORMOUSE_ENDPOINT_PORT") }),
  }
}

/** Makes what is missing through the public API, and starts the provisioner that builds it. */
async function seed(system: LocalSystem): Promise<void> {
  const secrets = readSecrets(directory)
  const api = createApiClient(system.url)
  if (await needsFirstUser(api)) {
    await createFirstUser(api.as(secrets.setupToken), secrets.password)
    progress(`first user made: ${firstUser.email}`)
  }
  const admin = await signIn(api, secrets.password)
  if (secrets.provisionerKey === "") {
    secrets.provisionerKey = await createProvisionerKey(admin)
    writeSecrets(directory, secrets)
  }
  const provisioner = startLocalProvisioner({
    url: system.url,
    key: secrets.provisionerKey,
    directory,
    onEnd: (code) => console.error(`the provisioner ended (${code}); see .data/provisioner.log`),
  })
  stops.push(provisioner.stop)
  progress("a local provisioner takes jobs")
  const templateId = await ensureTemplate(admin)
  const made = await ensureWorkspaces(admin, templateId)
  if (made.length > 0) progress(`template and workspaces made: ${made.join(", ")}`)
}

function progress(line: string): void {
  // Ctrl-C while things start: what has started is stopped on the way out.
  if (isStopping) throw new Error("stopped while starting")
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1)
  console.log(`${seconds.padStart(6)} s  ${line}`)
}

function greet(url: string, password: string): void {
  console.log(`
Dormouse runs at ${url}

  Sign in   ${firstUser.email} / ${password}
  Token     curl -s ${url}/api/v2/users/login -H 'content-type: application/json' \\
              -d '{"email":"${firstUser.email}","password":"${password}"}'

Three things to try
  1. See the workspaces     ${url}/ says what happens to each next, and why
  2. Read the API           ${url}/docs
  3. A day in a minute      npm run demo

Logs are in .data/. Ctrl-C stops everything; what was made is kept for the next start.`)
}

async function shutDown(code: number): Promise<void> {
  if (isStopping) return
  isStopping = true
  if (code === 0) console.log("\nstopping")
  const system = await opening?.catch(() => undefined)
  for (const stop of [system?.stop ?? (async () => {}), ...stops.splice(0)].toReversed()) {
    await stop().catch((error: unknown) => console.error(error instanceof Error ? error.message : error))
  }
  process.exit(code)
}
