// The values that a form offers: those that the person chose last, without ephemeral ones.
import { expect, test } from "vitest"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { api, query } from "../harness.ts"

test("autofill leaves ephemeral parameters out", async () => {
  const user = await givenUser()
  const template = await givenTemplate(user, {
    parameters: [
      { name: "region", required: true },
      { name: "once", required: false, ephemeral: true, default_value: "" },
    ],
  })
  const { build } = await givenWorkspace(user, template)
  await query(
    "insert into workspace_build_parameters values ($1, 'region', 'eu'), ($1, 'once', 'x')",
    [build.id],
  )
  const { status, body } = await api(
    `/api/v2/users/me/autofill-parameters?template_id=${template.id}`,
    { token: user.token },
  )
  expect([status, body]).toEqual([200, [{ name: "region", value: "eu" }]])
})
