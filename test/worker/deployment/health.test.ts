// The health report says what is wrong with the deployment, and what its configuration is.
import { describe, expect, test } from "vitest"
import { healthReport, type HealthFacts } from "../../../src/deployment/health/report.ts"
import { epoch } from "../epoch.ts"
import { givenUser } from "../given-people.ts"
import { api, query } from "../harness.ts"

const healthy: HealthFacts = {
  row: {
    allowed: true,
    tick_at: epoch,
    lag_ms: 40,
    tick_error: null,
    unflushed_shards: null,
    dismissed: [],
  },
  daemons: [
    {
      id: crypto.randomUUID(),
      organization_id: crypto.randomUUID(),
      key_id: crypto.randomUUID(),
      key_name: "key",
      created_at: epoch,
      last_seen_at: epoch,
      name: "daemon",
      version: "1",
      api_version: "1.0",
      provisioners: ["terraform"],
      tags: {},
    },
  ],
  latencyMs: 4,
  accessUrl: "https://dormouse.test",
  now: epoch,
}
const lateBy = (ms: number) => new Date(epoch.getTime() + ms)

describe("the verdict", () => {
  test("is ok when everything answers", () => {
    const report = healthReport(healthy)
    expect([report.severity, report.healthy]).toEqual(["ok", true])
    expect(report.provisioner_daemons.items).toHaveLength(1)
  })

  test.each([
    ["access_url", { accessUrl: "" }, "error", "EACS01"],
    ["access_url", { accessUrl: "nowhere" }, "error", "EACS02"],
    ["database", { latencyMs: 101 }, "warning", "EDB02"],
    ["provisioner_daemons", { daemons: [] }, "error", "EPD01"],
    ["lifecycle", { now: lateBy(180_001) }, "error", "EUNKNOWN"],
    ["lifecycle", { row: { ...healthy.row, tick_at: null } }, "error", "EUNKNOWN"],
    ["usage", { row: { ...healthy.row, unflushed_shards: [3] } }, "warning", "EUNKNOWN"],
  ] as const)("names %s for %j", (section, change, severity, code) => {
    const report = healthReport({ ...healthy, ...(change as Partial<HealthFacts>) })
    expect([report.severity, report[section].severity]).toEqual([severity, severity])
    expect(report[section].warnings[0]?.code).toBe(code)
  })

  test("does not count a dismissed check", () => {
    const row = { ...healthy.row, dismissed: ["ProvisionerDaemons"] }
    const report = healthReport({ ...healthy, row, daemons: [] })
    expect([report.severity, report.provisioner_daemons.dismissed]).toEqual(["ok", true])
  })
})

describe("over HTTP", () => {
  test("owners read the report, dismiss a check, and leave an audit row", async () => {
    const { token, id } = await givenUser({ roles: ["owner"] })
    const settings = "/api/v2/debug/health/settings"
    const body = { dismissed_healthchecks: ["ProvisionerDaemons"] }
    expect((await api(settings, { method: "PUT", token, body })).status).toBe(200)
    expect((await api(settings, { method: "PUT", token, body })).status).toBe(204)
    expect((await api(settings, { token })).body).toEqual(body)
    const { status, body: report } = await api("/api/v2/debug/health?force=true", { token })
    expect([status, report.provisioner_daemons.dismissed]).toEqual([200, true])
    expect(report.database.latency_ms).toBeGreaterThanOrEqual(0)
    const rows = await query(
      "select 1 from audit_logs where resource_type = 'health_settings' and user_id = $1",
      [id],
    )
    expect(rows).toHaveLength(1)
    await api(settings, { method: "PUT", token, body: { dismissed_healthchecks: [] } })
  })

  test("the configuration shows what clients read, and no secret", async () => {
    const { token } = await givenUser({ roles: ["auditor"] })
    const { status, body, text } = await api("/api/v2/deployment/config", { token })
    expect([status, body.config.access_url]).toEqual([200, "https://dormouse.test"])
    expect(body.options.map(({ name }: { name: string }) => name)).toContain("Access URL")
    expect(text).not.toMatch(/postgres:|SETUP_TOKEN|TOKEN_KEYS|METRICS_TOKEN/)
  })
})
