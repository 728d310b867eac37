/** Writes docs/dormouse.schema.json, the JSON Schema of template manifests, from the code that reads them. */
import { writeFile } from "node:fs/promises"
import { manifestJsonSchema } from "../src/templates/manifest.ts"

const target = new URL("../docs/dormouse.schema.json", import.meta.url)
await writeFile(target, `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`)
