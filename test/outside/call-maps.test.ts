// The clients' flows from outside, each call a run of curl, against a running `npm start`.
//
// `npm run replay` runs them; DORMOUSE_URL names another address than the usual one. What they make
// stays there under new names, people and templates included, so that they can run again.
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { createApiClient, type ApiClient } from "../../dev/local/api-client.ts"
import { readSecrets } from "../../dev/local/secrets.ts"
import { rootDirectory } from "../../dev/root.ts"
import { signIn } from "../../dev/local/seed.ts"
import { administratorMaps } from "../clients/administrator-maps.ts"
import { callMaps } from "../clients/call-maps.ts"
import { newName, type Place } from "../clients/place.ts"
import { curlDoor } from "./curl.ts"

const url = (process.env["DORMOUSE_URL"] ?? "http://127.0.0.1:7080").replace(/\/+$/, "")
const anonymous = createApiClient(url)
let admin: ApiClient
let organizationId: string

beforeAll(async () => {
  admin = await signIn(anonymous, readSecrets(join(rootDirectory, ".data")).password)
  organizationId = (await admin.call("GET", "/organizations/default")).id
})

/** A person of their own, and a daemon whose jobs the system's provisioner leaves alone. */
async function givenPlace(isOwner: boolean): Promise<Place> {
  const username = newName("client")
  const password = newName("correct horse battery staple")
  const email = `${username}@example.test`
  const user = await admin.call("POST", "/users", {
    username,
    email,
    password,
    organization_ids: [organizationId],
  })
  const roles = isOwner ? ["owner"] : ["organization-admin"]
  const of = isOwner ? `/users/${user.id}` : `/organizations/${organizationId}/members/${user.id}`
  await admin.call("PUT", `${of}/roles`, { roles })
  const { session_token: token } = await anonymous.call("POST", "/users/login", { email, password })
  const tags = { client: username }
  const keys = `/organizations/${organizationId}/provisionerkeys`
  const { key } = await admin.call("POST", keys, { name: username, tags })
  const door = curlDoor(url)
  const headers = { "Coder-Provisioner-Daemon-Key": key }
  const registration = { name: username, provisioners: ["terraform"] }
  const registered = await door.send("POST", "/api/v2/provisionerdaemons", headers, registration)
  expect([registered.status, registered.text]).toEqual([201, expect.anything()])
  return {
    door,
    now: new Date(),
    organizationId,
    user: { id: user.id, username, token },
    daemon: { id: registered.body.id, key },
    tags,
  }
}

for (const [name, flow] of Object.entries(callMaps)) {
  test(name, async () => flow(await givenPlace(false)))
}
for (const [name, flow] of Object.entries(administratorMaps)) {
  test(name, async () => flow(await givenPlace(true)))
}
