// The agent inside a workspace.
//
// It is bundled into one file, served at `/bin/dormouse-agent.js`, and started by the init script.
import { live } from "./life.ts"
import { readAgentOptions } from "./options.ts"
import { createServerClock } from "../server-clock.ts"

const version = "0.1.0"

async function main(): Promise<number> {
  const reading = readAgentOptions(process.env)
  if (!reading.ok) {
    console.error(reading.error)
    return 2
  }
  const stop = new AbortController()
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, () => stop.abort())
  const clock = createServerClock()
  const report = (text: string) => console.log(`${clock.now().toISOString()} ${text}`)
  // Scripts of the workspace must not inherit the token by accident.
  const options = { ...reading.options, version, clock, stopped: stop.signal, report }
  delete process.env["CODER_AGENT_TOKEN"]
  for (let runsStartScripts = true; ; runsStartScripts = false) {
    const end = await live({ ...options, runsStartScripts })
    if (end === "stopped") return 0
    report("the workspace was replaced or restarted; connecting again")
  }
}

process.exit(await main())
