// Bundles the agent into the one file that the init script downloads.
//
// The file is one of the static assets, beside the shell variant.
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
    // Without a package.json beside it a file is CommonJS, unless its syntax is a module's: Node 22
    // detects that.
    format: "esm",
    target: "node22",
    minify: true,
    legalComments: "none",
    logLevel: "silent",
  })
  return outfile
}

if (import.meta.main) console.log(await bundleAgent())
