// The dashboard and the alerts name only metrics that the page shows.
import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { metricFamilies } from "../../../src/metrics/catalogue.ts"

const shown = new Set(
  metricFamilies.flatMap(({ name, type }): string[] =>
    type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
)

test.each(["grafana-dashboard.json", "alerts.yml", "alerts.test.yml"])("%s", (file) => {
  const text = readFileSync(new URL(`../../../docs/${file}`, import.meta.url), "utf8")
  const named = text.match(/\b(?:coderd|dormouse)_[a-z_]+/g) ?? []
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((name) => !shown.has(name))).toEqual([])
})
