// A whole local system with real daemons to break.
//
// Its PostgreSQL can be restarted, its daemons can be killed, and its template's script records
// each run.
import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { packTar } from "modern-tar"
import { Client } from "pg"
import { createApiClient, type ApiClient } from "../../dev/local/api-client.ts"
import { readDatabaseUrl } from "../../dev/database/database-url.ts"
import { freePort } from "../../dev/process/free-port.ts"
import { readSecrets } from "../../dev/local/secrets.ts"
import { startLocalSystem } from "../../dev/local/system.ts"
import { startPostgres, type LocalPostgres } from "../../dev/local/postgres.ts"
import { rootDirectory } from "../../dev/root.ts"
import { createFirstUser, createProvisionerKey, signIn, waitForJob } from "../../dev/local/seed.ts"

const databaseName = "dormouse"
/** Builds that a daemon runs at once. */
const jobsADaemon = 2
const importMsMax = 60_000

export type ChaosSystem = Awaited<ReturnType<typeof openChaosSystem>>

/** `directory` is removed when the system stops. */
export async function openChaosSystem(directory: string) {
  mkdirSync(directory, { recursive: true })
  const openPostgres = (port?: number) =>
    startPostgres({
      directory: join(directory, "postgres"),
      durable: false,
      // Few enough to be used up in a moment.
      settings: { max_connections: "60" },
      ...(port === undefined ? {} : { port }),
    })
  let postgres = await openPostgres()
  await createDatabase(postgres)
  const secrets = readSecrets(directory)
  const system = await startLocalSystem({
    directory,
    secrets,
    port: await freePort(),
    external: { database: readDatabaseUrl(postgres.url(databaseName)), mayMigrate: true },
    onProgress: () => undefined,
  })
  const guest = createApiClient(system.url)
  await createFirstUser(guest.as(secrets.setupToken), secrets.password)
  const api = await signIn(guest, secrets.password)
  const daemons = createDaemons(directory, system.url, await createProvisionerKey(api))
  let aheadMs = 0

  return {
    api,
    daemons,
    databaseUrl: () => postgres.url(databaseName),
    adminUrl: () => postgres.url("postgres"),
    /** The build of each script that ran to its end, in that order. */
    marks: () => readMarks(directory),
    async restartPostgres(downMs: number): Promise<void> {
      const { port } = postgres
      await postgres.stop()
      await new Promise((resolve) => setTimeout(resolve, downMs))
      postgres = await openPostgres(port)
    },
    /** Moves the Worker's clock, and runs the tick at the end. */
    async pass(ms: number): Promise<void> {
      aheadMs += ms
      await system.worker.shiftClock(aheadMs)
      await system.worker.tick(new Date(Date.now() + aheadMs))
    },
    async stop(): Promise<void> {
      await daemons.kill()
      await system.stop()
      await postgres.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function createDatabase(postgres: LocalPostgres): Promise<void> {
  const admin = new Client({ connectionString: postgres.url("postgres") })
  await admin.connect()
  await admin.query(`create database ${databaseName}`)
  await admin.end()
}

const marksFile = (directory: string) => join(directory, "marks")

function readMarks(directory: string): string[] {
  const path = marksFile(directory)
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : []
}

/**
 * The daemon programs, by name. Restarted under the same name, it is the same daemon to the control
 * plane.
 */
function createDaemons(directory: string, url: string, key: string) {
  const running = new Map<string, ChildProcess>()
  const program = join(rootDirectory, "src", "programs", "provisioner", "main.ts")
  // Dozens are started and killed, and each would compile the same modules again. A daemon that
  // ends regularly leaves its compile cache; a test's own process does not use it.
  const compiled = {
    NODE_COMPILE_CACHE: join(directory, "compiled"),
    NODE_DISABLE_COMPILE_CACHE: undefined,
  }
  spawnSync(process.execPath, [program, "--help"], {
    stdio: "ignore",
    env: { ...process.env, ...compiled },
  })
  /**
   * Starts it unless it runs already. Resolves when the control plane knows the daemon, or when it
   * has ended.
   */
  const start = (name: string): Promise<void> => {
    if (running.get(name)?.exitCode === null) return Promise.resolve()
    const flags = [
      "--name",
      name,
      "--jobs",
      String(jobsADaemon),
      "--cache-dir",
      join(directory, "archives"),
    ]
    const child = spawn(process.execPath, [program, ...flags], {
      stdio: ["ignore", "pipe", "ignore"],
      env: {
        ...process.env,
        ...compiled,
        DORMOUSE_URL: url,
        DORMOUSE_PROVISIONER_KEY: key,
        CHAOS_MARKS: marksFile(directory),
      },
    })
    running.set(name, child)
    return new Promise((resolve) => {
      child.stdout.on("data", (text: Buffer) => {
        if (text.includes("registered as")) resolve()
      })
      child.once("exit", () => resolve())
    })
  }
  const kill = async (name: string): Promise<void> => {
    const child = running.get(name)
    running.delete(name)
    if (child === undefined || child.exitCode !== null) return
    const gone = new Promise((resolve) => child.once("exit", resolve))
    child.kill("SIGKILL")
    await gone
  }
  return {
    start,
    /** Kills at once and without notice, like a loss of power. Without a name: all of them. */
    async kill(...names: string[]): Promise<void> {
      await Promise.all((names.length > 0 ? names : [...running.keys()]).map(kill))
    },
  }
}

/**
 * A template of one script, which takes `workMs`, records its run and ends. A daemon must be there
 * to import it.
 */
export async function pushTemplate(api: ApiClient, workMs: number): Promise<string> {
  const manifest = {
    scripts: { start: "work.sh", stop: "work.sh", delete: "work.sh" },
    resources: [{ type: "mark", name: "mark" }],
  }
  const script =
    `#!/bin/sh\nset -eu\necho working\nsleep ${workMs / 1000}\n` +
    `echo "$DORMOUSE_BUILD_ID" >>"$CHAOS_MARKS"\n`
  const archive = await packTar([
    fileOf("dormouse.json", JSON.stringify(manifest)),
    fileOf("work.sh", script),
  ])
  const { hash } = await api.call("POST", "/files", archive, "application/x-tar")
  const version = await api.call("POST", "/organizations/default/templateversions", {
    storage_method: "file",
    file_id: hash,
    provisioner: "terraform",
    tags: {},
  })
  await waitForJob(() => api.call("GET", `/templateversions/${version.id}`), importMsMax)
  const template = await api.call("POST", "/organizations/default/templates", {
    name: "chaos",
    template_version_id: version.id,
  })
  return template.id
}

const fileOf = (name: string, text: string) => ({
  header: { name, size: Buffer.byteLength(text), mode: 0o755, type: "file" as const },
  body: text,
})
