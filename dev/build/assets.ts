// Makes the static assets that are not in the repository: the agent, and the viewer of /docs.
import { copyFile } from "node:fs/promises"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { rootDirectory } from "../root.ts"

const assetsDirectory = join(rootDirectory, "assets")

export async function makeAssets(): Promise<void> {
  await Promise.all([bundleAgent(), copyViewer()])
}

/** Bundles the agent into the one file that the init script downloads, beside its shell variant. */
async function bundleAgent(): Promise<string> {
  const outfile = join(assetsDirectory, "bin", "dormouse-agent.js")
  await build({
    entryPoints: [join(rootDirectory, "src", "programs", "agent", "main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    // Without a package.json beside it the file counts as CommonJS, unless it can only be a module.
    // Node recognizes that from version 22 on.
    format: "esm",
    target: "node22",
    minify: true,
    legalComments: "none",
    logLevel: "silent",
  })
  return outfile
}

/** Copies the kept viewer of the API reference, so that /docs loads nothing from elsewhere. */
async function copyViewer(): Promise<void> {
  const files = [
    import.meta.resolve("swagger-ui-dist/swagger-ui-bundle.js"),
    import.meta.resolve("swagger-ui-dist/swagger-ui.css"),
  ]
  for (const file of files.map((url) => fileURLToPath(url)))
    await copyFile(file, join(assetsDirectory, "docs", basename(file)))
}

if (import.meta.main) await makeAssets()
