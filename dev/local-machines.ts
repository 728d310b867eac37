// The machines of the sandbox template, which are directories with an agent: they go off with the local system and on again with it.
import { execFile } from "node:child_process"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)

/** Switches all machines of a folder: those that a workspace left on, when on; whatever runs, when off. */
export async function switchMachines(folder: string, to: "on" | "off"): Promise<void> {
  await Promise.all(
    machinesIn(folder).map(async (machine) => {
      // One that was never finished has no switch.
      await run("sh", [join(machine, "machine.sh"), to]).catch(() => undefined)
    }),
  )
}

function machinesIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name))
  } catch {
    return []
  }
}
