// `npm run openapi`: writes openapi.json, the document that the Worker serves.
//
// `--check` compares instead.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "../process/free-port.ts"
import { startLocalWorker } from "../local/worker-process.ts"
import { rootDirectory } from "../root.ts"

const path = join(rootDirectory, "openapi.json")
const document = await readDocument()
if (!process.argv.includes("--check")) writeFileSync(path, document)
else if (readFileSync(path, "utf8") !== document) {
  console.error("openapi.json is stale. Run `npm run openapi` and commit it.")
  process.exitCode = 1
}

/**
 * Fetches the document from the Worker, so that the file is what a client gets. Needs no database.
 */
async function readDocument(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "dormouse-openapi-"))
  const worker = await startLocalWorker({
    port: await freePort(),
    directory,
    bindings: {
      DATABASE_URL: "postgres://nobody:nothing@127.0.0.1:1/none",
      ACCESS_URL: "http://127.0.0.1",
    },
    onLog: () => {},
  })
  try {
    const response = await fetch(`${worker.url}/openapi.json`)
    if (!response.ok) throw new Error(`/openapi.json answered ${response.status}`)
    return `${JSON.stringify(await response.json(), null, 2)}\n`
  } finally {
    await worker.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}
