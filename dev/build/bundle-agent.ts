// Bundles the agent into the one file that the init script downloads. It lies among the static assets, beside its shell variant.
import { join } from "node:path"
import { build } from "esbuild"
import { rootDirectory } from "../root.ts"

export const assetsDirectory = join(rootDirectory, "assets")

export async function bundleAgent(): Promise<string> {
  const outfile = join(assetsDirectory, "bin", "dormouse-agent.js")
  await build({
    entryPoints: [join(rootDirectory, "src", "programs", "agent", "main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    // A file without a package.json beside it is CommonJS, unless it can only be a module; Node 22 tells the two apart.
    format: "esm",
    target: "node22",
    minify: true,
    legalComments: "none",
    logLevel: "silent",
  })
  return outfile
}

if (import.meta.main) console.log(await bundleAgent())
