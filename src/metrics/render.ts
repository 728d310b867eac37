// The metrics page: samples in the text format that Prometheus scrapes.
import { type MetricFamily, metricFamilies } from "./catalogue.ts"

export type StoredSample = { name: string; labels: Record<string, string>; value: number }

export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8"

/**
 * Renders the families in catalogue order, each with its help and type. A family without samples
 * shows its initial value or is left out. Unknown names are left out too.
 */
export function renderMetrics(samples: readonly StoredSample[]): string {
  const byName = Map.groupBy(samples, ({ name }) => name)
  const lines: string[] = []
  for (const { name, type, help, initial } of metricFamilies as readonly MetricFamily[]) {
    const parts = type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]
    const found = parts.flatMap((part) => (byName.get(part) ?? []).toSorted(bySeries))
    if (found.length === 0 && initial !== undefined)
      found.push({ name, labels: {}, value: initial })
    if (found.length === 0) continue
    lines.push(
      `# HELP ${name} ${escapeHelp(help)}`,
      `# TYPE ${name} ${type}`,
      ...found.map(renderSample),
    )
  }
  return lines.map((line) => `${line}\n`).join("")
}

function renderSample({ name, labels, value }: StoredSample): string {
  const pairs = Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, text]) => `${label}="${escapeLabel(text)}"`)
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`
}

/** Sorts by labels, the buckets of one series by their bound. */
function bySeries(a: StoredSample, b: StoredSample): number {
  const [left, right] = [seriesOf(a), seriesOf(b)]
  if (left !== right) return left < right ? -1 : 1
  return boundOf(a) - boundOf(b)
}

const seriesOf = ({ labels }: StoredSample) =>
  JSON.stringify(Object.entries({ ...labels, le: "" }).toSorted(([a], [b]) => (a < b ? -1 : 1)))
const boundOf = ({ labels }: StoredSample) =>
  labels["le"] === "+Inf" ? Infinity : Number(labels["le"] ?? 0)

const escapeHelp = (text: string) => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")
const escapeLabel = (text: string) => escapeHelp(text).replaceAll('"', '\\"')
