// One owner always remains, also if two owners act on each other at the same moment.
import { describe, expect, test } from "vitest"
import { givenUser, type GivenUser } from "../given-people.ts"
import { api, query } from "../harness.ts"

const acts = [
  {
    name: "take each other's role",
    act: (by: GivenUser, target: GivenUser) =>
      api(`/api/v2/users/${target.id}/roles`, {
        method: "PUT",
        token: by.token,
        body: { roles: [] },
      }),
  },
  {
    name: "delete each other",
    act: (by: GivenUser, target: GivenUser) =>
      api(`/api/v2/users/${target.id}`, { method: "DELETE", token: by.token }),
  },
]

describe("two owners who", () => {
  test.each(acts)("$name at once leave one owner", async ({ act }) => {
    for (let round = 0; round < 3; round++) {
      await query("update users set site_roles = '{}'")
      const [first, second] = await Promise.all([
        givenUser({ roles: ["owner"] }),
        givenUser({ roles: ["owner"] }),
      ])
      const answers = await Promise.all([act(first, second), act(second, first)])
      const succeeded = answers.filter(({ status }) => status === 200)
      expect(succeeded).toHaveLength(1)
      const owners = await query(
        "select id from users where 'owner' = any (site_roles) and not deleted",
      )
      expect(owners).toHaveLength(1)
    }
  })

  test("act one after the other: the second is no longer allowed", async () => {
    const [first, second] = [
      await givenUser({ roles: ["owner"] }),
      await givenUser({ roles: ["owner"] }),
    ]
    const [takeRole] = acts
    expect((await takeRole?.act(first, second))?.status).toBe(200)
    expect((await takeRole?.act(second, first))?.status).toBe(404)
  })
})
