// `npm run check`: everything that must hold before a change lands.
//
// A step is quiet when it passes, and prints its output when it fails.
import { spawn } from "node:child_process"
import { join } from "node:path"
import { rootDirectory } from "../root.ts"

const steps: { name: string; command: string[] }[] = [
  { name: "format", command: ["oxfmt", "--check"] },
  { name: "lint", command: ["oxlint"] },
  { name: "types of the Worker", command: ["tsc", "-p", "tsconfig.json"] },
  { name: "types of the programs", command: ["tsc", "-p", "tsconfig.node.json"] },
  { name: "bindings are generated", command: ["npm", "run", "-s", "types", "--", "--check"] },
  { name: "openapi.json is generated", command: ["node", "dev/build/write-openapi.ts", "--check"] },
  {
    name: "template schema is generated",
    command: ["node", "dev/build/write-template-schema.ts", "--check"],
  },
  {
    name: "migrations say what the schema says",
    command: ["node", "dev/database/generate.ts", "--check"],
  },
  { name: "no dead code", command: ["knip"] },
  { name: "tests", command: ["vitest", "run"] },
  {
    name: "the tests execute each statement",
    command: ["node", "dev/database/check-statements.ts"],
  },
  { name: "bundle below its ceiling", command: ["node", "dev/build/bundle-size.ts"] },
]

let failed = 0
for (const step of steps) {
  const startedAtMs = performance.now()
  const { ok, text } = await run(step.command)
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1)
  console.log(`${ok ? "ok    " : "FAILED"} ${step.name} (${seconds} s)`)
  if (ok) continue
  failed += 1
  console.log(text.trim().replace(/^/gm, "       "))
}
console.log(`${steps.length - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

function run([program = "", ...parameters]: string[]): Promise<{ ok: boolean; text: string }> {
  const binaries = join(rootDirectory, "node_modules", ".bin")
  const child = spawn(program, parameters, {
    cwd: rootDirectory,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      PATH: `${binaries}:${process.env["PATH"] ?? ""}`,
      NO_COLOR: "1",
      FORCE_COLOR: "0",
    },
  })
  let text = ""
  const add = (chunk: Buffer) => {
    text += chunk.toString()
  }
  child.stdout.on("data", add)
  child.stderr.on("data", add)
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ ok: false, text: error.message }))
    child.once("close", (code) => resolve({ ok: code === 0, text }))
  })
}
