// `npm start`: runs the whole system on this machine and fills it on the first run.
//
// `--migrate` applies pending migrations to the database of DATABASE_URL first. DATABASE_URL is a
// database to use instead of the embedded one; it is never seeded. DORMOUSE_PORT,
// DORMOUSE_POSTGRES_PORT and DORMOUSE_ENDPOINT_PORT fix the ports. Ctrl-C stops everything.
import { join } from "node:path"
import { type ApiClient, createApiClient } from "./api-client.ts"
import { readDatabaseUrl } from "../database/database-url.ts"
import { preferPort, readPort } from "../process/free-port.ts"
import { greeting } from "./greeting.ts"
import { readSecrets, writeSecrets } from "./secrets.ts"
import { startLocalProvisioner } from "./provisioner.ts"
import { startLocalSystem, stateDirectory, type LocalSystem } from "./system.ts"
import { startMinuteClock } from "./minute-clock.ts"
import { rootDirectory } from "../root.ts"
import { createToolFinder } from "../../src/programs/provisioner/engines/terraform/tool.ts"
import { claimRun, type RunClaim } from "../process/run-claim.ts"
import {
  createFirstUser,
  createProvisionerKey,
  ensureTemplate,
  ensureTerraformTemplate,
  ensureWorkspaces,
  firstUser,
  needsFirstUser,
  signIn,
} from "./seed.ts"

const directory = join(rootDirectory, ".data")
const usualPort = 7080
const startedAtMs = performance.now()
const stops: (() => Promise<void>)[] = []
let claim: RunClaim | undefined
let opening: Promise<LocalSystem> | undefined
let isStopping = false

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => void shutDown(0))

try {
  await start()
} catch (error) {
  if (!isStopping) console.error(`\n${error instanceof Error ? error.message : String(error)}`)
  await shutDown(1)
}

async function start(): Promise<void> {
  const asked = process.env["DATABASE_URL"]
  const external =
    asked === undefined || asked === ""
      ? undefined
      : { database: readDatabaseUrl(asked), mayMigrate: process.argv.includes("--migrate") }
  const given = process.env["DORMOUSE_PORT"] ?? ""
  // First of all: a run that was killed may have left processes that hold the ports that are chosen
  // next.
  claim = await claimRun(stateDirectory(directory, external))
  const secrets = readSecrets(directory)
  opening = startLocalSystem({
    directory,
    secrets,
    port: given === "" ? await preferPort(usualPort) : readPort(given, "DORMOUSE_PORT"),
    ...(external === undefined ? {} : { external }),
    ...fixedPorts(),
    onProgress: progress,
  })
  const system = await opening
  const seeded = external === undefined ? await seed(system) : null
  const clock = startMinuteClock(system.worker, (message) =>
    console.error(`the tick failed: ${message}`),
  )
  stops.push(clock.stop)
  if (seeded !== null)
    console.log(greeting({ url: system.url, ...firstUser, password: secrets.password, ...seeded }))
  else
    console.log(
      `\nDormouse runs at ${system.url}, on the database of DATABASE_URL. Ctrl-C stops it.`,
    )
}

function fixedPorts(): { postgresPort?: number; endpointPort?: number } {
  const { DORMOUSE_POSTGRES_PORT: postgres = "", DORMOUSE_ENDPOINT_PORT: endpoint = "" } =
    process.env
  return {
    ...(postgres === "" ? {} : { postgresPort: readPort(postgres, "DORMOUSE_POSTGRES_PORT") }),
    ...(endpoint === "" ? {} : { endpointPort: readPort(endpoint, "DORMOUSE_ENDPOINT_PORT") }),
  }
}

/**
 * Creates what is missing through the public API, and starts the provisioner. Returns what to try.
 */
async function seed(
  system: LocalSystem,
): Promise<{ templateId: string; workspaceId: string | undefined }> {
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
  void offerTerraform(admin)
  const { workspaces } = await admin.call("GET", "/workspaces?q=owner:me&limit=1")
  return { templateId, workspaceId: workspaces[0]?.id }
}

/**
 * Imports the Terraform twin of the template if a tool is on the path. Not waited for: the tool may
 * have to download its provider first, and everything else works without it.
 */
async function offerTerraform(admin: ApiClient): Promise<void> {
  const search = await createToolFinder(undefined, process.env)()
  if (!search.ok) return
  try {
    await ensureTerraformTemplate(admin, join(directory, "machines"))
    const { product, version } = search.tool
    if (!isStopping) console.log(`\nThe template terraform-sandbox runs by ${product} ${version}.`)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    if (!isStopping) console.error(`\nThe template terraform-sandbox was not imported: ${why}`)
  }
}

function progress(line: string): void {
  // On Ctrl-C during the start, what has started is stopped on the way out.
  if (isStopping) throw new Error("stopped while starting")
  // Each line reports something that has started.
  claim?.recordChildren()
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1)
  console.log(`${seconds.padStart(6)} s  ${line}`)
}

async function shutDown(code: number): Promise<void> {
  if (isStopping) return
  isStopping = true
  if (code === 0) console.log("\nstopping")
  const system = await opening?.catch(() => undefined)
  for (const stop of [system?.stop ?? (async () => {}), ...stops.splice(0)].toReversed()) {
    await stop().catch((error: unknown) =>
      console.error(error instanceof Error ? error.message : error),
    )
  }
  claim?.release()
  process.exit(code)
}
