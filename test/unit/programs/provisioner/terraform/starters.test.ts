// The templates that people start from become versions, and their disks outlive a stop.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { lostDisks } from "../../../../../src/programs/provisioner/engines/terraform/rows/changes.ts"
import { configResources } from "../../../../../src/programs/provisioner/engines/terraform/rows/configuration.ts"
import { importPlanOf } from "../../../../../src/programs/provisioner/engines/terraform/rows/import-plan.ts"
import type { PlanJson } from "../../../../../src/programs/provisioner/engines/terraform/rows/show-json.ts"

const root = join(import.meta.dirname, "../../../../..")
const read = (...path: string[]) => readFileSync(join(root, ...path), "utf8")

const starters = [
  {
    name: "docker",
    parameters: ["image"],
    variables: ["docker_socket"],
    start: [
      ["docker_container", "workspace", ["main"]],
      ["docker_volume", "home", []],
    ],
    stop: ["docker_volume.home"],
    disk: "docker_volume.home",
  },
  {
    name: "kubernetes",
    parameters: ["cpu", "memory", "disk"],
    variables: ["namespace"],
    start: [
      ["kubernetes_persistent_volume_claim_v1", "home", []],
      ["kubernetes_pod_v1", "workspace", ["main"]],
    ],
    stop: ["kubernetes_persistent_volume_claim_v1.home"],
    disk: "kubernetes_persistent_volume_claim_v1.home",
  },
  {
    name: "aws",
    parameters: ["region", "instance_type"],
    variables: [],
    start: [
      ["aws_ec2_instance_state", "workspace", []],
      ["aws_instance", "workspace", ["main"]],
    ],
    stop: ["aws_ec2_instance_state.workspace", "aws_instance.workspace"],
    disk: "aws_instance.workspace",
  },
]

describe.each(starters)(
  "the template $name",
  ({ name, parameters, variables, start, stop, disk }) => {
    const planOf = (transition: string): PlanJson =>
      JSON.parse(read("test/cases/terraform-starters", name, `${transition}.plan.json`))
    const files = { start: planOf("start"), stop: planOf("stop") }
    const graph = read("test/cases/terraform-starters", name, "graph.dot")

    test("is imported without a warning", () => {
      const { plan, warnings } = importPlanOf({ ...files, graph })
      expect(warnings).toEqual([])
      expect(plan.parameters.map((parameter) => parameter.name)).toEqual(parameters)
      expect(plan.variables.map((variable) => variable.name)).toEqual(variables)
      expect(
        plan.resources_start.map((resource) => [
          resource.type,
          resource.name,
          (resource.agents ?? []).map((agent) => agent.name),
        ]),
      ).toEqual(start)
      expect(plan.resources_stop.map((resource) => `${resource.type}.${resource.name}`)).toEqual(
        stop,
      )
    })

    test("has the resources of its recorded plan", () => {
      const text = read("dev/templates", name, "main.tf")
      const written = [...text.matchAll(/^resource "(\w+)" "([\w-]+)"/gm)].map(
        ([, type, label]) => `${type}.${label}`,
      )
      const recorded = configResources(files.start.configuration.root_module)
        .filter(({ resource }) => resource.mode === "managed")
        .map(({ address }) => address)
      expect(written.toSorted()).toEqual(recorded.toSorted())
    })

    test("keeps its disk when a plan would destroy it", () => {
      const changes = (files.start.resource_changes ?? []).map((change) =>
        change.address === disk
          ? Object.assign({}, change, { change: { actions: ["delete"], before: { id: "disk-1" } } })
          : markOf(change, disk),
      )
      expect(lostDisks({ ...files.start, resource_changes: changes })).toEqual([disk])
    })
  },
)

/** Metadata of the disk as it was applied: it names the disk by its id. */
function markOf(change: NonNullable<PlanJson["resource_changes"]>[number], disk: string) {
  if (change.type !== "coder_metadata" || disk !== "aws_instance.workspace") return change
  return Object.assign({}, change, {
    change: { actions: ["no-op"], before: { ...change.change.after, resource_id: "disk-1" } },
  })
}
