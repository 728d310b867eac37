// `npm run provisioner`: the daemon that runs provisioning jobs on this machine.
import { createScriptEngine } from "./engines/script/engine.ts"
import { createTerraformEngine } from "./engines/terraform/engine.ts"
import { createToolFinder } from "./engines/terraform/tool.ts"
import { createArchiveCache } from "./archive-cache.ts"
import { connectControlPlane } from "./control-plane.ts"
import { startDaemon } from "./daemon.ts"
import { reportLeftBehind } from "./left-behind.ts"
import { readOptions, usage } from "./options.ts"
import { runJob } from "./run-job.ts"
import { createServerClock } from "../server-clock.ts"

const version = "0.1.0"

async function main(): Promise<number> {
  const args = process.argv.slice(2)
  if (args.includes("--help")) {
    console.log(usage)
    return 0
  }
  const reading = readOptions(args, process.env)
  if (!reading.ok) {
    console.error(`${reading.error}\n\n${usage}`)
    return 2
  }
  const { options } = reading
  const clock = createServerClock()
  const plane = connectControlPlane({ url: options.url, key: options.key, clock })
  const cache = createArchiveCache(options.cacheDirectory, options.cacheBytesMax)
  const { env } = process
  const { cacheDirectory, interruptMs } = options
  const findTool = createToolFinder(options.terraformPath, env)
  const engines = {
    script: createScriptEngine({ env, interruptMs }),
    terraform: createTerraformEngine({ env, findTool, cacheDirectory, interruptMs }),
  }
  const abandon = new AbortController()
  const report = (line: string) => console.log(`${clock.now().toISOString()} ${line}`)

  const search = await findTool()
  if (search.ok) {
    const { product, version, path } = search.tool
    report(`Terraform templates run by ${product} ${version} (${path})`)
  } else report(`Terraform templates cannot run here: ${search.error}`)
  const daemon = startDaemon({
    plane,
    name: options.name,
    version,
    tags: options.tags,
    jobCountMax: options.jobCountMax,
    report,
    onRegistered: (id) => reportLeftBehind({ plane, daemon: id, report, interruptMs }),
    run: (id, job) =>
      runJob({ plane, daemon: id, clock, cache, engines, report, abandoned: abandon.signal }, job),
  })
  let signalCount = 0
  const onSignal = () => {
    signalCount += 1
    if (signalCount === 1) {
      report("ending: no more jobs are taken; once more cancels the running ones")
      daemon.drain()
    } else abandon.abort()
  }
  process.on("SIGTERM", onSignal)
  process.on("SIGINT", onSignal)
  try {
    await daemon.done
    return 0
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    return 1
  }
}

process.exit(await main())
