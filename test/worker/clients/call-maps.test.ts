// The flows of people's clients inside the Workers runtime.
import { test } from "vitest"
import { callMaps } from "../../clients/call-maps.ts"
import { givenPlace } from "./given-place.ts"

for (const [name, flow] of Object.entries(callMaps)) {
  test(name, async () => flow(await givenPlace({ organizationRoles: ["organization-admin"] })))
}
