// The workspace's metadata: each item's script runs at its interval.
//
// Values that are ready at the same time are reported together.
import { execFile } from "node:child_process"
import { setTimeout as wait } from "node:timers/promises"
import { Unauthorized, type ControlPlane, type Manifest } from "./control-plane.ts"
import { directoryOf } from "./run-script.ts"

type Item = Manifest["metadata"][number]
export type MetadataValue = { key: string; value: string; error: string }

/**
 * How long a value waits for others. An item that is due each second is still reported every second
 * or two.
 */
const gatherMs = 250
/** As many as the control plane accepts in one call. */
const valuesPerCallMax = 256

/** Reports until the signal aborts. */
export async function reportMetadata(
  plane: ControlPlane,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<void> {
  const send = gatherValues((values) => plane.metadata(values))
  await Promise.all(manifest.metadata.map((item) => reportItem(send, manifest, item, signal)))
}

/**
 * Makes one call of the values of a quarter of a second, the newest for each key. The promise is
 * that of the call which carries the value.
 */
export function gatherValues(
  call: (values: MetadataValue[]) => Promise<unknown>,
): (value: MetadataValue) => Promise<unknown> {
  let open: { values: Map<string, MetadataValue>; sent: Promise<unknown> } | null = null
  return (value) => {
    if (open === null || open.values.size >= valuesPerCallMax) {
      const values = new Map<string, MetadataValue>()
      const batch = {
        values,
        sent: new Promise((resolve) => setTimeout(resolve, gatherMs)).then(() => {
          if (open === batch) open = null
          return call([...values.values()])
        }),
      }
      open = batch
    }
    open.values.set(value.key, value)
    return open.sent
  }
}

async function reportItem(
  send: (value: MetadataValue) => Promise<unknown>,
  manifest: Manifest,
  item: Item,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const value = await runItem(manifest, item)
    await send({ key: item.key, ...value }).catch((failure: unknown) => {
      if (!(failure instanceof Unauthorized)) throw failure
    })
    if (item.interval <= 0) return
    await wait(item.interval * 1_000, undefined, { signal }).catch(() => undefined)
  }
}

function runItem(manifest: Manifest, item: Item): Promise<{ value: string; error: string }> {
  return new Promise((resolve) => {
    const timeout = (item.timeout > 0 ? item.timeout : Math.max(item.interval, 5)) * 1_000
    const options = {
      cwd: directoryOf(manifest),
      env: { ...process.env, ...manifest.environment_variables },
      timeout,
      maxBuffer: 65_536,
    }
    execFile("sh", ["-c", item.script], options, (error, stdout) =>
      resolve({
        value: stdout.trimEnd(),
        error: error === null ? "" : error.message.slice(0, 1_024),
      }),
    )
  })
}
