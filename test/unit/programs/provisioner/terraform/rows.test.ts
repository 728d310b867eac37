// Recorded plans and states of the tool become the rows of versions and builds.
import { describe, expect, test } from "vitest"
import { text } from "../../../../../src/programs/provisioner/engines/terraform/rows/attributes.ts"
import {
  lostDisks,
  replacementsOf,
} from "../../../../../src/programs/provisioner/engines/terraform/rows/changes.ts"
import {
  dryRunRows,
  importPlanOf,
} from "../../../../../src/programs/provisioner/engines/terraform/rows/import-plan.ts"
import { reachOfState } from "../../../../../src/programs/provisioner/engines/terraform/rows/reach.ts"
import { resourceRows } from "../../../../../src/programs/provisioner/engines/terraform/rows/resources.ts"
import {
  instancesOf,
  type PlanJson,
  type StateJson,
} from "../../../../../src/programs/provisioner/engines/terraform/rows/show-json.ts"
import { importPlan } from "../../../../../src/queue/jobs/protocol.ts"
import {
  exists,
  expectedOf,
  read,
  recordings,
  stepsOf,
  withTokens,
} from "../../../../terraform/cases.ts"

const imported = recordings.filter(({ name }) => expectedOf(name).import?.plan !== undefined)

test.each(imported)(
  "the plans of an import become the rows of a version: $title",
  ({ name, folder }) => {
    const expected = expectedOf(name).import
    const { plan, warnings } = importPlanOf({
      start: JSON.parse(read(name, folder, "import-start.plan.json")),
      graph: read(name, folder, "import-start.graph.dot"),
      stop: JSON.parse(read(name, folder, "import-stop.plan.json")),
    })
    expect(plan).toEqual(expected.plan)
    expect(importPlan.parse(plan)).toMatchObject(JSON.parse(JSON.stringify(plan)))
    for (const warning of expected.warnings ?? []) {
      expect(warnings.join("\n")).toContain(warning)
    }
  },
)

describe("the state after an apply becomes the rows of a build", () => {
  const applied = recordings.flatMap((recording) =>
    Object.entries(expectedOf(recording.name).builds ?? {})
      .filter(
        ([label, { resources }]) =>
          resources !== undefined &&
          exists(recording.name, recording.folder, `${label}.state.json`),
      )
      .map(([label, expected]) => Object.assign({ label, expected }, recording)),
  )

  test.each(applied)("$title: $label", ({ name, folder, label, expected }) => {
    const plan: PlanJson = JSON.parse(read(name, folder, `${label}.plan.json`))
    const state: StateJson = JSON.parse(read(name, folder, `${label}.state.json`))
    const step = stepsOf(name).find((one) => one.label === label)
    const instances = instancesOf(state.values?.root_module)
    const managed = instances.filter(({ mode }) => mode === "managed")
    const world = {
      managed,
      reach: reachOfState(instances),
      configuration: plan.configuration.root_module,
    }
    const { resources, warnings } = resourceRows(world, step?.transition === "start")
    const tokens = new Map(
      managed
        .filter(({ type }) => type === "coder_agent")
        .map((agent) => [agent.name, text(agent.values, "token")]),
    )
    expect(withTokens(resources, tokens)).toEqual(expected.resources)
    if (step?.transition !== "delete") expect(replacementsOf(plan)).toEqual(expected.replacements)
    for (const warning of expected.warnings ?? []) expect(warnings.join("\n")).toContain(warning)
  })
})

test("a dry run plans resources as an import does", () => {
  const dryRun = expectedOf("parameters").dry_run
  const label = stepsOf("parameters").find(({ label }) => label.startsWith("dry-run"))?.label
  const { resources } = dryRunRows(
    JSON.parse(read("parameters", "raw", `${label}.plan.json`)),
    read("parameters", "raw", `${label}.graph.dot`),
  )
  expect(resources).toEqual(dryRun?.resources)
})

test("a plan of a tainted resource reports a replacement without paths", () => {
  const plan: PlanJson = JSON.parse(read("failing-apply", "raw", "build-2-start.plan.json"))
  expect(replacementsOf(plan)).toEqual(
    expectedOf("failing-apply").builds?.["build-2-start"]?.replacements_planned,
  )
  expect(lostDisks(plan)).toEqual([])
})
