// The templates of test/cases/terraform through the engine and the real tools.
import { afterAll, describe, expect, test } from "vitest"
import type { Build } from "../../../../../src/programs/provisioner/engines/engine.ts"
import { parseState } from "../../../../../src/programs/provisioner/engines/terraform/state.ts"
import {
  type ExpectedBuild,
  expectedOf,
  recordings,
  type Step,
  stepsOf,
  templateOf,
  withTokens,
} from "../../../../terraform/cases.ts"
import { findRealTools } from "../../../../terraform/real-tools.ts"
import { givenEngine, type GivenEngine, pairs, stateOf } from "./given-engine.ts"

const real = await findRealTools()
const names = recordings.filter(({ folder }) => folder === "raw").map(({ name }) => name)

test.runIf("skipped" in real)("the cases run with a real tool", ({ skip }) => {
  skip("skipped" in real ? real.skipped : undefined)
})

describe.each("skipped" in real ? [] : real.tools)("$product $version", (tool) => {
  const engine = "skipped" in real ? null : givenEngine(tool, real.env)
  afterAll(async () => (await engine)?.remove())

  test.each(names)("imports and builds the case %s", async (name) => {
    if (engine === null) return
    await runCase(await engine, name)
  })
})

async function runCase(engine: GivenEngine, name: string): Promise<void> {
  const { import: expected, import_without_values, dry_run, builds = {} } = expectedOf(name)
  const steps = stepsOf(name)
  const template = templateOf(name)
  if (import_without_values !== undefined) {
    const { result } = await engine.import(template)
    const { error_code, missing = [] } = import_without_values.fails
    expect(result).toMatchObject({ ok: false, errorCode: error_code })
    expect(result.ok ? [] : result.variables).toEqual(
      expect.arrayContaining(
        missing.map((variable) => expect.objectContaining({ name: variable })),
      ),
    )
    expect(result.ok ? "" : result.error).toContain(missing.join(", "))
  }
  const given = steps.find(({ label }) => label === "import-start")?.variables ?? {}
  const imported = await engine.import(template, given)
  const log = imported.lines.map(({ output }) => output).join("\n")
  if (expected.fails === undefined) {
    expect(imported.result).toMatchObject({ ok: true })
    expect(imported.result.ok && imported.result.plan).toEqual(expected.plan)
    for (const warning of expected.warnings ?? []) expect(log).toContain(warning)
  } else {
    const error = imported.result.ok ? "" : imported.result.error
    for (const { summary, at } of expected.fails.errors ?? []) {
      expect(error).toContain(summary)
      expect(error).toContain(at)
    }
  }
  if (dry_run !== undefined) {
    const step = steps.find(({ label }) => label.startsWith("dry-run"))
    const { result } = await engine.dryRun(template, step?.parameters)
    expect(result).toMatchObject({ ok: true })
    expect(result.ok && result.resources).toEqual(dry_run.resources)
  }
  const agents = (expected.plan?.resources_start ?? [])
    .flatMap((resource) => resource.agents ?? [])
    .map((agent) => agent.name)
  let state: string | null = null
  for (const step of steps.filter(({ build }) => build !== undefined)) {
    const wanted = builds[step.label]
    if (wanted === undefined) continue
    const build = buildOf(step, agents, step.fresh === true ? null : state)
    const { result, lines } = await engine.build(template, build)
    if (wanted.fails === undefined) expectBuilt(result, wanted, lines)
    else {
      expect(result.ok).toBe(false)
      for (const { summary } of wanted.fails.errors ?? []) {
        expect(result.ok ? "" : result.error).toContain(summary)
      }
      if (wanted.fails.state_has !== undefined) expect(result.state).not.toBeNull()
    }
    state = stateOf(result) ?? state
    const shown = lines.map(({ output }) => output).join("\n")
    for (const secret of ["s3cr3t-api-key", step.token ?? "s3cr3t-api-key"]) {
      expect(shown).not.toContain(secret)
    }
  }
}

function expectBuilt(
  result: Awaited<ReturnType<GivenEngine["build"]>>["result"],
  wanted: ExpectedBuild,
  lines: readonly { output: string }[],
): void {
  expect(result).toMatchObject({ ok: true })
  if (!result.ok) return
  const agents = (result.state && parseState(result.state)?.agents) ?? []
  const tokens = new Map(agents.map((agent) => [agent.name, agent.token]))
  expect(withTokens(result.resources, tokens)).toEqual(wanted.resources)
  expect(result.replacements).toEqual(wanted.replacements ?? [])
  const log = lines.map(({ output }) => output).join("\n")
  for (const warning of wanted.warnings ?? []) expect(log).toContain(warning)
}

function buildOf(step: Step, agents: readonly string[], state: string | null): Partial<Build> {
  const { env = {}, token } = step
  const stage =
    env["CODER_WORKSPACE_IS_PREBUILD_CLAIM"] === "true"
      ? "claim"
      : env["CODER_WORKSPACE_IS_PREBUILD"] === "true"
        ? "create"
        : "regular"
  return {
    number: step.build ?? 1,
    transition: step.transition,
    stage,
    state,
    parameters: pairs(step.parameters ?? {}),
    previous_parameters: pairs(step.previous ?? {}),
    variables: pairs(step.variables ?? {})
      // The control plane knows only what the template declares.
      .filter(({ name }) => name !== "undeclared")
      .map(({ name, value }) => ({ name, value, sensitive: name === "api_key", given: true })),
    agent_tokens:
      step.transition === "start"
        ? Object.fromEntries(agents.map((name) => [name, token ?? crypto.randomUUID()]))
        : {},
  }
}
