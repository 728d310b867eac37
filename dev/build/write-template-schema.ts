// Writes docs/dormouse.schema.json, the JSON Schema of manifests, from the code that reads them.
//
// `--check` compares instead.
import { readFile, writeFile } from "node:fs/promises"
import { manifestJsonSchema } from "../../src/templates/manifest/manifest.ts"

const target = new URL("../../docs/dormouse.schema.json", import.meta.url)
const schema = JSON.stringify(manifestJsonSchema(), null, 2)
if (!process.argv.includes("--check")) await writeFile(target, `${schema}\n`)
else {
  // The formatter changes the layout of the file.
  const written: unknown = JSON.parse(await readFile(target, "utf8"))
  if (JSON.stringify(written, null, 2) !== schema) {
    console.error(
      "docs/dormouse.schema.json is stale. Run `npm run template-schema` and commit it.",
    )
    process.exitCode = 1
  }
}
