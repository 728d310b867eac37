// Bundles the local Worker into one module, as wrangler would bundle the production one.
import { join } from "node:path"
import { build } from "esbuild"
import { rootDirectory } from "../root.ts"

/** `entry` is the Worker's module from the root of the repository; a bench has its own. */
export async function bundleLocalWorker(entry = "dev/local/worker-entry.ts"): Promise<string> {
  const result = await build({
    entryPoints: [join(rootDirectory, entry)],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    platform: "neutral",
    conditions: ["workerd", "worker", "browser"],
    mainFields: ["browser", "module", "main"],
    external: ["cloudflare:*", "node:*"],
    keepNames: true,
    sourcemap: "inline",
    logLevel: "silent",
  })
  const [file] = result.outputFiles
  if (file === undefined) throw new Error("The Worker could not be bundled.")
  return file.text
}
