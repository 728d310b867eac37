// Runs jobs of the Terraform engine on real tools, with templates as texts or folders.
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type {
  Build,
  BuildResult,
  DryRunResult,
  ImportResult,
} from "../../../../../src/programs/provisioner/engines/engine.ts"
import { createTerraformEngine } from "../../../../../src/programs/provisioner/engines/terraform/engine.ts"
import type { Tool } from "../../../../../src/programs/provisioner/engines/terraform/tool.ts"
import { createServerClock } from "../../../../../src/programs/server-clock.ts"
import type { AcquiredJob } from "../../../../../src/queue/jobs/protocol.ts"
import { buildJob, importJob } from "../jobs.ts"

/** A prebuild belongs to nobody before it is claimed. */
const poolOwner = {
  id: "c42fdf75-3097-471c-8c33-fb52454d81c0",
  username: "prebuilds",
  email: "prebuilds@system",
  name: "Prebuilds Owner",
}

/** A folder, or files by their paths. */
export type Template = string | Record<string, string>

export type Line = { level: string; stage: string; output: string }
type Ran<T> = { result: T; lines: Line[] }
type JobOptions = { cancelWhen?: (line: Line) => boolean }

export type GivenEngine = Awaited<ReturnType<typeof givenEngine>>

export async function givenEngine(tool: Tool, env: NodeJS.ProcessEnv, interruptMs = 30_000) {
  const root = await mkdtemp(join(tmpdir(), "terraform-engine-"))
  const cacheDirectory = join(root, "cache")
  const engine = createTerraformEngine({
    env,
    findTool: async () => ({ ok: true, tool }),
    cacheDirectory,
    interruptMs,
  })

  async function work<T>(
    template: Template,
    job: AcquiredJob,
    { cancelWhen }: JobOptions,
    run: (
      request: { directory: string; scratch: string; job: AcquiredJob },
      session: Parameters<typeof engine.build>[1],
    ) => Promise<T>,
  ): Promise<Ran<T> & { directory: string }> {
    const folder = await mkdtemp(join(root, "job-"))
    const directory = join(folder, "template")
    const scratch = join(folder, "engine")
    await mkdir(scratch)
    await unpack(template, directory)
    const lines: Line[] = []
    const cancel = new AbortController()
    const result = await run(
      { directory, scratch, job },
      {
        canceled: cancel.signal,
        clock: createServerClock(),
        log(line) {
          lines.push(line)
          if (cancelWhen?.(line)) cancel.abort()
        },
      },
    )
    return { result, lines, directory }
  }

  return {
    cacheDirectory,
    import: (
      template: Template,
      variables: Record<string, string> = {},
      options: JobOptions = {},
    ): Promise<Ran<ImportResult> & { directory: string }> =>
      work(
        template,
        importJob({ import: { user_variable_values: pairs(variables) } }),
        options,
        engine.importTemplate,
      ),
    dryRun: (
      template: Template,
      parameters: Record<string, string> = {},
    ): Promise<Ran<DryRunResult>> =>
      work(
        template,
        importJob({
          type: "template_version_dry_run",
          dry_run: { workspace_name: "tried", parameters: pairs(parameters), variables: [] },
        }),
        {},
        engine.dryRun,
      ),
    build: (
      template: Template,
      build: Partial<Build>,
      options: JobOptions = {},
    ): Promise<Ran<BuildResult> & { directory: string }> => {
      const job = buildJob({ build })
      if (build.stage === "create") job.owner = { ...job.owner, ...poolOwner }
      return work(template, job, options, (request, session) =>
        engine.build({ ...request, build: job.build }, session),
      )
    },
    remove: () => rm(root, { recursive: true, force: true }),
  }
}

export const pairs = (values: Record<string, string>) =>
  Object.entries(values).map(([name, value]) => ({ name, value }))

/** The state of a build that ended well, as the next job gets it. */
export function stateOf(result: BuildResult): string | null {
  return result.state?.toString("base64") ?? null
}

async function unpack(template: Template, directory: string): Promise<void> {
  if (typeof template === "string") return cp(template, directory, { recursive: true })
  for (const [path, text] of Object.entries(template)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text)
  }
}
