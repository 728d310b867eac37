// Runs the templates beside this file through a real tool and records its output under <case>/raw/.
//   node produce.mjs [--terraform tofu] [--out DIR] [case ...]
// The tool's own configuration (TF_CLI_CONFIG_FILE) finds providers. README.md explains the files.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const here = import.meta.dirname
const args = process.argv.slice(2)
const option = (name, fallback) => {
  const at = args.indexOf(name)
  return at < 0 ? fallback : args.splice(at, 2)[1]
}
const terraform = option("--terraform", "tofu")
const out = option("--out", here)
const names = args.length > 0 ? args : readdirSync(here).filter((name) => existsSync(join(here, name, "case.json")))

const hex = (text) => createHash("sha256").update(text).digest("hex")
const initScript = "#!/bin/sh\nexec agent --url ${ACCESS_URL} --auth ${AUTH_TYPE}\n"

/** The environment of every command: the facts of the build, and where programs are found. */
function environment(step) {
  const isBuild = step.build !== undefined
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    TMPDIR: process.env.TMPDIR ?? "/tmp",
    TF_IN_AUTOMATION: "1",
    TF_INPUT: "0",
    CHECKPOINT_DISABLE: "1",
    CODER_AGENT_URL: "https://dormouse.example.com",
    CODER_WORKSPACE_TRANSITION: step.transition === "delete" ? "destroy" : step.transition,
    CODER_WORKSPACE_OWNER: "ada",
    CODER_WORKSPACE_OWNER_ID: "11111111-1111-4111-8111-111111111111",
    CODER_WORKSPACE_OWNER_NAME: "Ada L.",
    CODER_WORKSPACE_OWNER_EMAIL: "ada@example.com",
    CODER_WORKSPACE_OWNER_GROUPS: "[]",
    CODER_WORKSPACE_OWNER_RBAC_ROLES: "[]",
    CODER_WORKSPACE_TEMPLATE_ID: "22222222-2222-4222-8222-222222222222",
    CODER_WORKSPACE_TEMPLATE_NAME: "example",
    CODER_WORKSPACE_TEMPLATE_VERSION: "v1",
  }
  for (const arch of ["amd64", "arm64", "armv7"]) env[`CODER_AGENT_SCRIPT_linux_${arch}`] = initScript
  if (process.env.TF_CLI_CONFIG_FILE) env.TF_CLI_CONFIG_FILE = process.env.TF_CLI_CONFIG_FILE
  if (isBuild) {
    env.CODER_WORKSPACE_BUILD_ID = `33333333-3333-4333-8333-00000000000${step.build}`
    env.CODER_WORKSPACE_ID = "44444444-4444-4444-8444-444444444444"
    env.CODER_WORKSPACE_NAME = "desk"
  }
  if (step.token !== undefined) env[`CODER_RUNNING_WORKSPACE_AGENT_TOKEN_${hex("")}`] = step.token
  for (const [name, value] of Object.entries(step.parameters ?? {})) env[`CODER_PARAMETER_${hex(name)}`] = value
  for (const [name, value] of Object.entries(step.previous ?? {})) env[`CODER_PARAMETER_PREVIOUS_${hex(name)}`] = value
  for (const [name, value] of Object.entries(step.variables ?? {})) env[`TF_VAR_${name}`] = value
  return Object.assign(env, step.env)
}

function produce(name) {
  const { steps } = JSON.parse(readFileSync(join(here, name, "case.json"), "utf8"))
  const directory = mkdtempSync(join(tmpdir(), "dormouse-case-"))
  const raw = join(out, name, "raw")
  rmSync(raw, { recursive: true, force: true })
  mkdirSync(raw, { recursive: true })
  cpSync(join(here, name, "template"), directory, { recursive: true })
  const runs = []
  const run = (label, step, ...command) => {
    const startedAt = performance.now()
    const result = spawnSync(terraform, command, { cwd: directory, env: environment(step), encoding: "utf8", maxBuffer: 1 << 28 })
    const ms = Math.round(performance.now() - startedAt)
    runs.push({ label, command: command.join(" "), code: result.status, ms })
    return result
  }
  const keep = (file, text) => {
    if (text !== "") writeFileSync(join(raw, file), text.replaceAll(directory, "/work-directory"))
  }
  const first = steps[0] ?? {}
  const module = run("module", first, "show", "-json", "-module=.")
  keep("module.json", module.stdout)
  const init = run("init", first, "init", "-input=false", "-no-color", "-json")
  keep("init.ui.jsonl", init.stdout)
  keep("init.stderr.txt", init.stderr)
  for (const step of init.status === 0 ? steps : []) {
    const label = step.label
    if (step.fresh) for (const file of ["terraform.tfstate", "terraform.tfstate.backup"]) rmSync(join(directory, file), { force: true })
    const planArgs = ["plan", "-input=false", "-no-color", "-json", "-refresh=true", "-out=plan.bin"]
    const plan = run(`${label} plan`, step, ...planArgs, ...(step.transition === "delete" ? ["-destroy"] : []))
    keep(`${label}.plan.ui.jsonl`, plan.stdout)
    keep(`${label}.plan.stderr.txt`, plan.stderr)
    if (plan.status !== 0) continue
    keep(`${label}.plan.json`, run(`${label} show plan`, step, "show", "-json", "-no-color", "plan.bin").stdout)
    if (step.build === undefined && step.transition === "start") keep(`${label}.graph.dot`, run(`${label} graph`, step, "graph", "-type=plan").stdout)
    if (step.build === undefined) continue
    const apply = run(`${label} apply`, step, "apply", "-input=false", "-no-color", "-json", "-auto-approve", "plan.bin")
    keep(`${label}.apply.ui.jsonl`, apply.stdout)
    keep(`${label}.apply.stderr.txt`, apply.stderr)
    keep(`${label}.state.json`, run(`${label} show state`, step, "show", "-json", "-no-color").stdout)
    keep(`${label}.tfstate`, readFileSync(join(directory, "terraform.tfstate"), "utf8"))
  }
  writeFileSync(join(raw, "runs.json"), `${JSON.stringify(runs, null, 1)}\n`)
  const lock = join(directory, ".terraform.lock.hcl")
  if (existsSync(lock)) keep("lock.hcl", readFileSync(lock, "utf8"))
  rmSync(directory, { recursive: true, force: true })
  const bytes = readdirSync(raw).reduce((sum, file) => sum + statSync(join(raw, file)).size, 0)
  console.log(`${name}: ${runs.map((r) => `${r.label} ${r.code} ${r.ms} ms`).join(", ")}; ${bytes} bytes`)
}

for (const name of names) produce(name)
