// The appearance that an owner sets is what every client shows.
import { describe, expect, test } from "vitest"
import { givenUser } from "../given-people.ts"
import { api, query } from "../harness.ts"

const banner = { enabled: true, message: "Maintenance at **noon**", background_color: "#004852" }

describe("the appearance", () => {
  test("is stored, audited with what changed, and shown to everybody", async () => {
    const owner = await givenUser({ roles: ["owner"] })
    const body = {
      application_name: "Ours",
      logo_url: "https://example.test/logo.svg",
      announcement_banners: [banner],
    }
    const written = await api("/api/v2/appearance", { method: "PUT", token: owner.token, body })
    expect([written.status, written.body]).toEqual([200, { ...body, service_banner: banner }])

    const { token } = await givenUser()
    const shown = await api("/api/v2/appearance", { token })
    expect(shown.body).toMatchObject({ ...body, service_banner: banner, support_links: [] })

    const again = await api("/api/v2/appearance", { method: "PUT", token: owner.token, body })
    expect(again.status).toBe(200)
    const rows = await query<{ diff: unknown }>(
      "select diff from audit_logs where resource_type = 'appearance' and user_id = $1",
      [owner.id],
    )
    expect(rows).toEqual([
      {
        diff: {
          application_name: { old: "", new: "Ours", secret: false },
          logo_url: { old: "", new: "https://example.test/logo.svg", secret: false },
          announcement_banners: { old: [], new: [banner], secret: false },
        },
      },
    ])
    const cleared = await api("/api/v2/appearance", { method: "PUT", token: owner.token, body: {} })
    expect(cleared.body).toMatchObject({ application_name: "", announcement_banners: [] })
    expect((await api("/api/v2/appearance", { token })).body.application_name).toBe("Dormouse")
  })

  test("takes the banner of an old client", async () => {
    const { token } = await givenUser({ roles: ["owner"] })
    const body = { application_name: "", logo_url: "", service_banner: banner }
    const { body: answer } = await api("/api/v2/appearance", { method: "PUT", token, body })
    expect(answer.announcement_banners).toEqual([banner])
    await api("/api/v2/appearance", { method: "PUT", token, body: {} })
  })

  test.each([
    ["logo_url", { logo_url: "javascript:alert(1)" }],
    ["logo_url", { logo_url: "//elsewhere.test/logo.svg" }],
    [
      "announcement_banners.0.background_color",
      { announcement_banners: [{ ...banner, background_color: "red; x" }] },
    ],
  ])("rejects a bad %s", async (field, body) => {
    const { token } = await givenUser({ roles: ["owner"] })
    const answer = await api("/api/v2/appearance", { method: "PUT", token, body })
    expect([answer.status, answer.body.validations[0].field]).toEqual([400, field])
  })
})
