// The machines of the sandbox template: directories with an agent, which stop and start with the
// local system.
import { execFile } from "node:child_process"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)

/**
 * Switches on the machines that a workspace left on. The system's address may have changed for
 * their agents.
 */
export async function switchOn(folder: string, url: string): Promise<void> {
  await forEachMachine(folder, async (machine) => {
    const urlFile = join(machine, "url")
    if (readFileSync(urlFile, "utf8") !== url) {
      await flip(machine, "off")
      writeFileSync(urlFile, url)
    }
    await flip(machine, "on")
  })
}

/** Switches off whatever runs, and leaves it marked to be switched on again. */
export async function switchOff(folder: string): Promise<void> {
  await forEachMachine(folder, (machine) => flip(machine, "off"))
}

async function forEachMachine(
  folder: string,
  work: (machine: string) => Promise<void>,
): Promise<void> {
  const machines = readdirSync(folder).map((name) => join(folder, name))
  // A machine that was never finished has no switch.
  await Promise.all(machines.filter((machine) => existsSync(join(machine, "machine.sh"))).map(work))
}

async function flip(machine: string, to: "on" | "off"): Promise<void> {
  await run("sh", [join(machine, "machine.sh"), to])
}
