// The real tools for tests of Terraform templates: OpenTofu and Terraform as they are on the path,
// and the pinned provider, installed with Go into a cache.
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { copyFile, link, mkdir, rename, rm, writeFile } from "node:fs/promises"
import { arch, platform } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { rootDirectory } from "../../dev/root.ts"
import {
  createToolFinder,
  type Tool,
} from "../../src/programs/provisioner/engines/terraform/tool.ts"

const run = promisify(execFile)
const providerVersion = "2.20.0"
const providerPackage = `github.com/coder/terraform-provider-coder/v2@v${providerVersion}`
const cache = join(rootDirectory, "node_modules", ".cache", `terraform-${providerVersion}`)
const installMsMax = 15 * 60_000
/** Both tools ask for `coder/coder` at a host of their own. */
const hosts = ["registry.terraform.io", "registry.opentofu.org"]

export type RealTools = { tools: Tool[]; /** With the provider for them. */ env: NodeJS.ProcessEnv }

/**
 * A sentence says why the tests cannot run here. Where `DORMOUSE_TEST_TERRAFORM` is set they must.
 */
export async function findRealTools(): Promise<RealTools | { skipped: string }> {
  const found = await look()
  if ("skipped" in found && process.env["DORMOUSE_TEST_TERRAFORM"] === "required") {
    throw new Error(found.skipped)
  }
  return found
}

async function look(): Promise<RealTools | { skipped: string }> {
  const { PATH, HOME, TMPDIR } = process.env
  // A file of this name says where the provider is; a missing one makes the tools warn each time.
  const env = { PATH, HOME, TMPDIR, TF_CLI_CONFIG_FILE: join(cache, "cli.tfrc") }
  const searches = await Promise.all(
    ["tofu", "terraform"].map((path) => createToolFinder(path, env)()),
  )
  const tools = searches.flatMap((search) => (search.ok ? [search.tool] : []))
  if (tools.length === 0) return { skipped: "neither tofu nor terraform is on the path" }
  if (!existsSync(env.TF_CLI_CONFIG_FILE)) {
    const hasGo = await run("go", ["version"]).then(
      () => true,
      () => false,
    )
    if (!hasGo)
      return { skipped: "the provider coder/coder is installed with Go, which is not here" }
    await installProvider(env.TF_CLI_CONFIG_FILE)
  }
  return { tools, env }
}

/** Two test files may install at once: each builds on its own, and the last rename wins. */
async function installProvider(configFile: string): Promise<void> {
  const building = join(cache, `build-${process.pid}-${process.hrtime.bigint()}`)
  await mkdir(building, { recursive: true })
  await run("go", ["install", "-ldflags=-s -w", providerPackage], {
    env: { ...process.env, GOBIN: building },
    timeout: installMsMax,
  })
  const goArch = arch() === "x64" ? "amd64" : arch()
  for (const host of hosts) {
    const folder = `${host}/coder/coder/${providerVersion}/${platform()}_${goArch}`
    const directory = join(cache, "mirror", folder)
    await mkdir(directory, { recursive: true })
    const target = join(directory, `terraform-provider-coder_v${providerVersion}`)
    const partial = join(building, host)
    await link(join(building, "terraform-provider-coder"), partial).catch(() =>
      copyFile(join(building, "terraform-provider-coder"), partial),
    )
    await rename(partial, target)
  }
  await rm(building, { recursive: true, force: true })
  const mirror = join(cache, "mirror")
  const config = `provider_installation {
  filesystem_mirror {
    path    = ${JSON.stringify(mirror)}
    include = ["*/*/*"]
  }
}
`
  await writeFile(join(cache, "cli.partial"), config)
  await rename(join(cache, "cli.partial"), configFile)
}
