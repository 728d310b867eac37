// The recorded output of the tool under test/cases/terraform, and the rows that it becomes.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { ImportPlan } from "../../src/queue/jobs/protocol.ts"
import type {
  ReportedReplacement,
  ReportedResource,
} from "../../src/templates/manifest/reported.ts"

const root = join(import.meta.dirname, "../cases/terraform")

export type ExpectedTiming = { stage: string; source: string; action: string; resource: string }
type Failure = {
  errors?: { summary: string; detail?: string; at?: string }[]
  state_has?: string[]
  error_code?: string
  missing?: string[]
}
export type ExpectedBuild = {
  resources?: ReportedResource[]
  replacements?: ReportedReplacement[]
  replacements_planned?: ReportedReplacement[]
  fails?: Failure
  warnings?: string[]
  timings?: ExpectedTiming[]
}
export type Expected = {
  import: { plan?: ImportPlan; fails?: Failure; warnings?: string[]; timings?: ExpectedTiming[] }
  import_without_values?: { fails: Failure }
  dry_run?: { resources: ReportedResource[] }
  builds?: Record<string, ExpectedBuild>
}
export type Step = {
  label: string
  transition: "start" | "stop" | "delete"
  build?: number
  token?: string
  fresh?: boolean
  parameters?: Record<string, string>
  previous?: Record<string, string>
  variables?: Record<string, string>
  env?: Record<string, string>
}

/** The folders of recorded output: all cases with OpenTofu, three with Terraform as well. */
export const recordings = readdirSync(root)
  .filter((name) => existsSync(join(root, name, "case.json")))
  .flatMap((name) =>
    ["raw", "raw-terraform"]
      .filter((folder) => existsSync(join(root, name, folder)))
      .map((folder) => ({
        name,
        folder,
        title: folder === "raw" ? name : `${name}, by Terraform`,
      })),
  )

/** The folder of the template. */
export const templateOf = (name: string) => join(root, name, "template")
export const expectedOf = (name: string): Expected => JSON.parse(read(name, "expected.json"))
export const stepsOf = (name: string): Step[] => JSON.parse(read(name, "case.json")).steps

export const read = (name: string, ...path: string[]) =>
  readFileSync(join(root, name, ...path), "utf8")
/** Puts `$token` for the token of each agent that has the one of the state. */
export function withTokens(
  resources: readonly ReportedResource[],
  tokens: ReadonlyMap<string, string | undefined>,
): ReportedResource[] {
  const copies = structuredClone(resources) as ReportedResource[]
  for (const agent of copies.flatMap(({ agents = [] }) => agents)) {
    if (agent.token !== undefined && agent.token === tokens.get(agent.name)) agent.token = "$token"
  }
  return copies
}

export const exists = (name: string, ...path: string[]) => existsSync(join(root, name, ...path))
