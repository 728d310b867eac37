// Evaluating the parameters of a version for a form.
import { expect, test } from "vitest"
import { givenUser } from "../given-people.ts"
import { givenTemplate, givenVersion } from "../given-templates.ts"
import { api } from "../harness.ts"

const parameters = [
  { name: "region", required: true, display_order: 1, description: "Where." },
  {
    name: "size",
    type: "number",
    required: false,
    default_value: "2",
    display_order: 2,
    validation_min: 1,
    validation_max: 8,
  },
  { name: "public", type: "bool", required: false, default_value: "false", display_order: 3 },
]
type Parameter = {
  name: string
  value: object
  form_type: string
  diagnostics: { detail: string; extra: object }[]
}

test("answers with values, form types and what is wrong with each parameter", async () => {
  const user = await givenUser()
  const { version } = await givenTemplate(user, { parameters })
  const evaluate = async (inputs: object) => {
    const { status, body } = await api(
      `/api/v2/templateversions/${version.id}/dynamic-parameters/evaluate`,
      { token: user.token, body: { id: 7, inputs } },
    )
    expect([status, body.id, body.diagnostics]).toEqual([200, 7, []])
    const list: Parameter[] = body.parameters
    return list.map(({ name, value, form_type, diagnostics }) => [
      name,
      form_type,
      value,
      diagnostics.map(({ detail, extra }) => ({ detail, ...extra })),
    ])
  }
  expect(await evaluate({})).toEqual([
    [
      "region",
      "input",
      { value: "", valid: false },
      [{ detail: "parameter value is required", code: "required" }],
    ],
    ["size", "input", { value: "2", valid: true }, []],
    ["public", "checkbox", { value: "false", valid: true }, []],
  ])
  expect(await evaluate({ region: "eu", size: "9", unknown: "x" })).toEqual([
    ["region", "input", { value: "eu", valid: true }, []],
    [
      "size",
      "input",
      { value: "9", valid: true },
      [{ detail: "value 9 is more than the maximum 8", code: "" }],
    ],
    ["public", "checkbox", { value: "false", valid: true }, []],
  ])
})

test("425 while the import runs, 400 for a body without an id", async () => {
  const user = await givenUser()
  const pending = await givenVersion(user, { status: "pending" })
  const url = `/api/v2/templateversions/${pending.id}/dynamic-parameters/evaluate`
  expect((await api(url, { token: user.token, body: { id: 1 } })).status).toBe(425)
  expect((await api(url, { token: user.token, body: {} })).status).toBe(400)
})
