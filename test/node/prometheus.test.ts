// What operators load into Prometheus and Grafana, checked with Prometheus' own tool.
//
// Skipped if promtool is not installed, since no npm package has it. On Debian it is part of the
// package `prometheus`.
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { bucketBounds, metricFamilies } from "../../src/metrics/catalogue.ts"
import { renderMetrics, type StoredSample } from "../../src/metrics/render.ts"

const docs = new URL("../../docs/", import.meta.url)
const hasTool = spawnSync("promtool", ["--version"]).status === 0
const directory = mkdtempSync(join(tmpdir(), "dormouse-prometheus-"))

afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Exit code and output. */
function promtool(parameters: string[], input = "") {
  const { status, stdout, stderr } = spawnSync("promtool", parameters, {
    cwd: docs,
    input,
    encoding: "utf8",
  })
  return { status, said: `${stdout}${stderr}` }
}

/** A page with a sample of every family, including labels that must be escaped. */
function fullPage(): string {
  const labels = { template_name: 'a"b\\c\nd', preset_name: "größe" }
  return renderMetrics(
    metricFamilies.flatMap(({ name, type }): StoredSample[] => {
      if (type !== "histogram") return [{ name, labels, value: 1.5 }]
      const bounds = [...bucketBounds[name].map(String), "+Inf"]
      return [
        ...bounds.map((le) => ({ name: `${name}_bucket`, labels: { ...labels, le }, value: 3 })),
        { name: `${name}_sum`, labels, value: 0.25 },
        { name: `${name}_count`, labels, value: 3 },
      ]
    }),
  )
}

function dashboardExpressions(): string[] {
  const dashboard = JSON.parse(readFileSync(new URL("grafana-dashboard.json", docs), "utf8"))
  return dashboard.panels.flatMap((panel: { targets?: { expr: string }[] }) =>
    (panel.targets ?? []).map(({ expr }) => expr),
  )
}

describe.skipIf(!hasTool)("with promtool", () => {
  test("the metrics page is clean: a full one, and one before anything was measured", () => {
    expect(fullPage().match(/^# TYPE /gm)).toHaveLength(metricFamilies.length)
    for (const page of [fullPage(), renderMetrics([])]) {
      expect(promtool(["check", "metrics"], page)).toEqual({ status: 0, said: "" })
    }
  })

  test("every expression of the dashboard parses", () => {
    const expressions = dashboardExpressions()
    expect(expressions.length).toBeGreaterThan(20)
    const rules = expressions.map((expr, index) => ({ record: `panel_${index}`, expr }))
    const file = join(directory, "dashboard.yml")
    writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }))
    expect(promtool(["check", "rules", file])).toMatchObject({
      status: 0,
      said: expect.stringContaining(`${expressions.length} rules found`),
    })
  })

  test("the alerts and the scrape that loads them are valid", () => {
    expect(promtool(["check", "config", "--syntax-only", "prometheus.yml"])).toMatchObject({
      status: 0,
    })
  })

  test("each alert fires when it should, and none when all is well", () => {
    expect(promtool(["test", "rules", "alerts.test.yml"])).toMatchObject({ status: 0 })
  })
})

test("every alert is explained to operators, and its firing is tried", () => {
  const names = [
    ...readFileSync(new URL("alerts.yml", docs), "utf8").matchAll(/alert: (\w+)/g),
  ].map(([, name]) => name)
  const page = readFileSync(new URL("operations.md", docs), "utf8")
  const tries = readFileSync(new URL("alerts.test.yml", docs), "utf8")
  expect(names.length).toBeGreaterThan(10)
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  expect(names.filter((name) => !tries.includes(`"${name}"`))).toEqual([])
})
