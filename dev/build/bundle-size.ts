// Size of the production bundle, as wrangler would upload it, against a ceiling.
//
// A cold start pays for each byte.
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { rootDirectory } from "../root.ts"

const kibibytesMax = 500

const directory = mkdtempSync(join(tmpdir(), "dormouse-bundle-"))
try {
  execFileSync(
    process.execPath,
    [
      join(rootDirectory, "node_modules/wrangler/bin/wrangler.js"),
      "deploy",
      "--dry-run",
      "--minify",
      "--outdir",
      directory,
    ],
    {
      cwd: rootDirectory,
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
    },
  )
  const kibibytes = gzipSync(readFileSync(join(directory, "index.js"))).length / 1024
  console.log(`the bundle is ${kibibytes.toFixed(0)} KiB gzipped, of at most ${kibibytesMax}`)
  if (kibibytes > kibibytesMax) process.exitCode = 1
} finally {
  rmSync(directory, { recursive: true, force: true })
}
