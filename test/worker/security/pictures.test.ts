// An icon or an avatar is an http(s) URL or a path: a viewer's browser loads it.
import { expect, test } from "vitest"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { api } from "../harness.ts"

const bad = [
  "javascript:alert(1)",
  " javascript:alert(1)",
  "data:text/html,x",
  "file:///etc/passwd",
]
const good = ["", "/icon/code.svg", "https://example.test/a.png"]

test("a profile takes no avatar of another scheme", async () => {
  const user = await givenUser()
  const change = (avatar_url: string) =>
    api("/api/v2/users/me/profile", {
      method: "PUT",
      token: user.token,
      body: { username: user.username, name: "", avatar_url },
    })
  for (const avatar of bad) expect((await change(avatar)).status).toBe(400)
  for (const avatar of good) expect((await change(avatar)).status).toBe(200)
})

test("a template takes no icon of another scheme", async () => {
  const admin = await givenUser({ roles: ["owner"] })
  const template = await givenTemplate(admin)
  const change = (icon: string) =>
    api(`/api/v2/templates/${template.id}`, { method: "PATCH", token: admin.token, body: { icon } })
  for (const icon of bad) expect((await change(icon)).status).toBe(400)
  for (const icon of good.slice(1)) expect((await change(icon)).status).toBe(200)
})
