// Runs a provisioner daemon beside a local system, and the machines that its templates made.
import { spawn, type ChildProcess } from "node:child_process"
import { createWriteStream, mkdirSync } from "node:fs"
import { join } from "node:path"
import { switchOff, switchOn } from "./machines.ts"
import { rootDirectory } from "../root.ts"

export type LocalProvisioner = {
  stop: () => Promise<void>
}

export type LocalProvisionerOptions = {
  url: string
  key: string
  /** Holds its log and what its templates make. */
  directory: string
  /** Called if it ends by itself. */
  onEnd: (code: number | null) => void
}

const drainMsMax = 3_000
const stopMsMax = 8_000

export function startLocalProvisioner(options: LocalProvisionerOptions): LocalProvisioner {
  const machines = join(options.directory, "machines")
  mkdirSync(machines, { recursive: true })
  const child = spawn(
    process.execPath,
    [join(rootDirectory, "src", "programs", "provisioner", "main.ts")],
    {
      cwd: rootDirectory,
      // A process group of its own, so that Ctrl-C reaches only us and its children are ended in
      // order.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        DORMOUSE_URL: options.url,
        DORMOUSE_PROVISIONER_KEY: options.key,
        DORMOUSE_PROVISIONER_NAME: "local",
        DORMOUSE_MACHINES: machines,
      },
    },
  )
  const log = createWriteStream(join(options.directory, "provisioner.log"), { flags: "a" })
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  let isStopping = false
  child.once("exit", (code) => {
    if (!isStopping) options.onEnd(code)
  })
  // Workspaces that ran before a restart of the local system run after it, like real machines.
  const switchedOn = switchOn(machines, options.url).catch((error: unknown) => {
    log.write(`a machine could not be switched on: ${String(error)}\n`)
  })
  return {
    stop: async () => {
      isStopping = true
      await endChild(child)
      await switchedOn
      await switchOff(machines)
    },
  }
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((done) => {
    child.once("exit", () => done())
  })
  child.kill("SIGTERM")
  // A second signal cancels the jobs that still run, so that nothing that they started is left.
  const cancel = setTimeout(() => child.kill("SIGTERM"), drainMsMax)
  const hard = setTimeout(() => child.kill("SIGKILL"), stopMsMax)
  await gone
  clearTimeout(cancel)
  clearTimeout(hard)
}
