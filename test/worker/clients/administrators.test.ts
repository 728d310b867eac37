// The flows of administrators' clients inside the Workers runtime.
import { expect, test } from "vitest"
import { administratorMaps } from "../../clients/administrator-maps.ts"
import { query } from "../harness.ts"
import { givenPlace } from "./given-place.ts"

for (const [name, flow] of Object.entries(administratorMaps)) {
  test(name, async () => flow(await givenPlace({ roles: ["owner"] })))
}

test("the template that the Terraform provider has deleted stays in the database", async () => {
  const rows = await query("select deleted from templates where name like 'tf-made-%'")
  expect(rows).toEqual([{ deleted: true }])
})
