// Runs the Worker under workerd on loopback, with the bindings of wrangler.toml emulated on disk.
import { join } from "node:path"
import { stop as stopEsbuild } from "esbuild"
import { convertV4MiniflareOptions, Miniflare } from "miniflare"
import { makeAssets } from "../build/assets.ts"
import { bundleLocalWorker } from "../build/bundle.ts"
import { rootDirectory } from "../root.ts"

export type LocalWorker = {
  url: string
  /** Runs the scheduled handler for the minute of `at`. */
  tick: (at: Date) => Promise<void>
  /** Sets the Worker's clock to run `aheadMs` ahead of the platform's. */
  shiftClock: (aheadMs: number) => Promise<void>
  /** Fires the alarms of all objects that are set for `at` or before. Returns how many ran. */
  fireAlarms: (at: Date) => Promise<number>
  stop: () => Promise<void>
}

export type LocalWorkerOptions = {
  port: number
  /** Vars and secrets that replace those of wrangler.toml. */
  bindings: Record<string, string>
  /** Holds objects and files. */
  directory: string
  /** A bench's own Worker, from the root of the repository. */
  entry?: string
  onLog: (line: string) => void
}

type Control = { shiftClock: (aheadMs: number) => Promise<void> }
type Driven = { fireAlarm: (untilMs: number) => Promise<boolean> }

export async function startLocalWorker(options: LocalWorkerOptions): Promise<LocalWorker> {
  const signals = keepSignals()
  const configuration = await readConfiguration()
  signals.restore()
  const [contents] = await Promise.all([bundleLocalWorker(options.entry), makeAssets()])
  // Otherwise its service would keep running beside us.
  await stopEsbuild()
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "dormouse",
      modules: [{ type: "ESModule", path: "worker.js", contents }],
      compatibilityDate: configuration.compatibilityDate,
      durableObjects: {
        ...configuration.durableObjects,
        LOCAL_CONTROL: { className: "LocalControl", useSQLite: true },
      },
      r2Buckets: configuration.r2Buckets,
      ratelimits: configuration.ratelimits,
      assets: configuration.assets,
      bindings: { ...configuration.bindings, ...options.bindings },
      host: "127.0.0.1",
      port: options.port,
      cf: false,
      resourcePersistencePath: options.directory,
      telemetry: { enabled: false },
      handleStructuredLogs: ({ level, message }) => options.onLog(`${level} ${message}`),
    }),
  )
  signals.restore()
  const ready = await miniflare.ready
  return {
    url: `http://127.0.0.1:${ready.port}`,
    tick: async (at) => {
      const worker = await miniflare.getWorker()
      await worker.scheduled({ scheduledTime: at, cron: "* * * * *" })
    },
    shiftClock: async (aheadMs) => {
      const namespace = await miniflare.getDurableObjectNamespace("LOCAL_CONTROL")
      const control: Control = Object(namespace.get(namespace.idFromName("clock")))
      await control.shiftClock(aheadMs)
    },
    fireAlarms: async (at) => {
      let fired = 0
      for (const [binding, { className }] of Object.entries(configuration.durableObjects)) {
        const namespace = await miniflare.getDurableObjectNamespace(binding)
        for (const id of await miniflare.listDurableObjectIds(className)) {
          const object: Driven = Object(namespace.get(namespace.idFromString(id)))
          if (await object.fireAlarm(at.getTime())) fired += 1
        }
      }
      return fired
    },
    stop: () => miniflare.dispose(),
  }
}

// miniflare and wrangler end the process at the first signal. The program that runs the Worker has
// more to stop, and in order, so it keeps the signals.
function keepSignals(): { restore: () => void } {
  const kept = (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((name) => ({
    name,
    own: process.listeners(name),
  }))
  return {
    restore: () => {
      for (const { name, own } of kept) {
        for (const listener of process.listeners(name))
          if (!own.includes(listener)) process.off(name, listener)
      }
    },
  }
}

type Configuration = {
  compatibilityDate: string
  bindings: Record<string, string>
  durableObjects: Record<string, { className: string; useSQLite: boolean }>
  r2Buckets: Record<string, { id: string }>
  assets: { directory: string }
  ratelimits: Record<string, { namespace_id: string; simple: { limit: number; period?: 10 | 60 } }>
}

// wrangler.toml is the one list of the Worker's bindings; wrangler translates it for miniflare.
async function readConfiguration(): Promise<Configuration> {
  // Its warnings about secrets concern a deployed Worker alone. The variable is read when wrangler
  // is loaded.
  process.env["WRANGLER_LOG"] ??= "error"
  const wrangler = await import("wrangler")
  const { workerOptions } = wrangler.unstable_getMiniflareWorkerOptions(
    join(rootDirectory, "wrangler.toml"),
  )
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- wrangler types these maps more loosely than it fills them
  return workerOptions as unknown as Configuration
}
