// Which values workspaces were made with, by parameter.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { expect, test } from "vitest"
import { givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate, type GivenTemplate } from "../given-templates.ts"
import { givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { api, at, epoch } from "../harness.ts"
import { insertRow, type Row } from "../rows.ts"

const on = (day: string) => new Date(`2026-03-${day}T12:00:00Z`)
const window = "start_time=2026-03-02T00:00:00Z&end_time=2026-03-04T00:00:00Z"

const size: Row = {
  name: "size",
  display_name: "Size",
  description: "How large.",
  type: "string",
  form_type: "radio",
  options: JSON.stringify([
    { name: "Small", value: "s", description: "", icon: "" },
    { name: "Large", value: "l", description: "", icon: "" },
  ]),
  display_order: 0,
}
const count: Row = {
  name: "count",
  type: "number",
  form_type: "input",
  options: "[]",
  display_order: 1,
}

async function givenValues(
  owner: { id: string },
  template: GivenTemplate,
  day: string,
  values: Record<string, string>,
) {
  const workspace = await givenWorkspace(owner, template, { build: { at: on(day) } })
  for (const [name, value] of Object.entries(values)) {
    await insertRow("workspace_build_parameters", {
      workspace_build_id: workspace.build.id,
      name,
      value,
    })
  }
  return workspace
}

async function read(owner: GivenUser, ...templates: GivenTemplate[]) {
  at(epoch)
  const ids = templates.map(({ id }) => id).join(",")
  const { body } = await api(
    `/api/v2/insights/templates?${window}&template_ids=${ids}&sections=report`,
    {
      token: owner.token,
    },
  )
  return body.report.parameters_usage
}

test("parameter values of the window's builds are counted, most used first", async () => {
  const owner = await givenUser({ roles: ["owner"] })
  const template = await givenTemplate(owner, { parameters: [size, count] })
  await givenValues(owner, template, "02", { size: "s", count: "2" })
  await givenValues(owner, template, "02", { size: "l", count: "2" })
  await givenValues(owner, template, "03", { size: "l", count: "10" })
  await givenValues(owner, template, "01", { size: "s", count: "2" })
  await givenValues({ id: prebuildsUserId }, template, "02", { size: "s", count: "2" })
  const moved = await givenValues(owner, template, "02", { size: "s", count: "2" })
  await givenBuild(moved, { transition: "stop", at: on("04") })

  expect(await read(owner, template)).toEqual([
    {
      template_ids: [template.id],
      name: "count",
      display_name: "",
      type: "number",
      description: "",
      values: [
        { value: "2", count: 2 },
        { value: "10", count: 1 },
      ],
    },
    {
      template_ids: [template.id],
      name: "size",
      display_name: "Size",
      type: "string",
      description: "How large.",
      options: [
        { name: "Small", value: "s", description: "", icon: "" },
        { name: "Large", value: "l", description: "", icon: "" },
      ],
      values: [
        { value: "l", count: 2 },
        { value: "s", count: 1 },
      ],
    },
  ])
})

test("templates with the same parameter are counted together, others apart", async () => {
  const owner = await givenUser({ roles: ["owner"] })
  const one = await givenTemplate(owner, { parameters: [size] })
  const two = await givenTemplate(owner, { parameters: [size] })
  const other = await givenTemplate(owner, { parameters: [{ ...size, display_name: "How big" }] })
  for (const template of [one, two, other]) await givenValues(owner, template, "02", { size: "s" })
  const usage = await read(owner, one, two, other)
  expect(
    usage.map((parameter: { display_name: string; template_ids: string[]; values: unknown[] }) => [
      parameter.display_name,
      parameter.template_ids,
      parameter.values,
    ]),
  ).toEqual([
    ["How big", [other.id], [{ value: "s", count: 1 }]],
    ["Size", [one.id, two.id].toSorted(), [{ value: "s", count: 2 }]],
  ])
})
