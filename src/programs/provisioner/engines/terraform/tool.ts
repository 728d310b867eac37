// The tool that runs Terraform templates: OpenTofu or Terraform, as it is on this machine.
import { execFile } from "node:child_process"
import { promisify } from "node:util"

export type Tool = { path: string; product: "OpenTofu" | "Terraform"; version: string }
export type ToolSearch = { ok: true; tool: Tool } | { ok: false; error: string }

/** The first versions whose `init` prints JSON. */
const versionMin = { OpenTofu: [1, 8], Terraform: [1, 9] } as const

const run = promisify(execFile)
const versionMsMax = 30_000

type Env = Readonly<Record<string, string | undefined>>

/** Finds the tool when it is first asked for, and again as long as none is there. */
export function createToolFinder(given: string | undefined, env: Env): () => Promise<ToolSearch> {
  let found: ToolSearch | null = null
  return async () => {
    if (found?.ok !== true) found = await findTool(given, env)
    return found
  }
}

async function findTool(given: string | undefined, env: Env): Promise<ToolSearch> {
  const candidates = given === undefined ? ["tofu", "terraform"] : [given]
  for (const path of candidates) {
    try {
      const { stdout } = await run(path, ["version"], {
        env: { ...env, CHECKPOINT_DISABLE: "1" },
        timeout: versionMsMax,
      })
      return readVersion(path, stdout)
    } catch (error) {
      if (given === undefined && isMissing(error)) continue
      const reason = error instanceof Error ? error.message : String(error)
      return { ok: false, error: `${path} could not be run: ${reason}` }
    }
  }
  const error =
    "This template needs OpenTofu or Terraform, and the provisioner found neither tofu nor " +
    "terraform on its path. Install one of them, or start the provisioner with --terraform PATH."
  return { ok: false, error }
}

const isMissing = (error: unknown) =>
  error instanceof Error && "code" in error && error.code === "ENOENT"

/** Warnings may stand before the line with the version. */
export function readVersion(path: string, output: string): ToolSearch {
  const [, product, version = ""] = /^(OpenTofu|Terraform) v(\d+\.\d+\S*)/m.exec(output) ?? []
  if (product !== "OpenTofu" && product !== "Terraform") {
    return { ok: false, error: `${path} is neither OpenTofu nor Terraform.` }
  }
  const [majorMin, minorMin] = versionMin[product]
  const [major = 0, minor = 0] = version.split(".").map(Number.parseFloat)
  if (major < majorMin || (major === majorMin && minor < minorMin)) {
    const error = `${product} ${version} is too old: at least ${majorMin}.${minorMin} is needed.`
    return { ok: false, error }
  }
  return { ok: true, tool: { path, product, version } }
}
