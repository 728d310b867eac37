// `dormouse port-forward <workspace> -p local:remote`: ports of a workspace on this machine, while
// it runs.
import { forwardPorts } from "./forward-ports.ts"
import { forwardUsage, readForwardOptions } from "./options.ts"

const reading = readForwardOptions(process.argv.slice(2), process.env)
if (!reading.ok) {
  console.error(`${reading.error}\n\n${forwardUsage}`)
  process.exit(2)
}
const stop = new AbortController()
for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stop.abort())
try {
  await forwardPorts({
    ...reading.options,
    stopped: stop.signal,
    report: (text) => console.log(text),
  })
  process.exit(0)
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
