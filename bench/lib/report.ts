// Output of a bench: a table for people, one JSON line for machines, and whether every target was
// met.

export type Target = {
  name: string
  value: number
  /** One bound, or both. */
  atLeast?: number
  atMost?: number
}

export type Result = {
  bench: string
  /** What was measured, by name. Units are in the names (`dueMs`, `ratio`). */
  figures: Record<string, number>
  targets: Target[]
}

export function isMet({ value, atLeast, atMost }: Target): boolean {
  return Number.isFinite(value) && value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity)
}

/** Prints the result and returns whether all targets were met. */
export function report(
  { bench, figures, targets }: Result,
  print: (line: string) => void = console.log,
): boolean {
  const ok = targets.every(isMet)
  print(`\n${bench}`)
  printTable(
    Object.entries(figures).map(([name, value]) => [name, format(value)]),
    print,
  )
  print("\ntargets")
  printTable(
    targets.map((target) => [
      target.name,
      format(target.value),
      bounds(target),
      isMet(target) ? "met" : "MISSED",
    ]),
    print,
  )
  print("")
  print(
    JSON.stringify({
      bench,
      figures,
      targets: targets.map((target) => ({ ...target, met: isMet(target) })),
      ok,
    }),
  )
  return ok
}

function bounds({ atLeast, atMost }: Target): string {
  return [
    atLeast === undefined ? "" : `>= ${format(atLeast)}`,
    atMost === undefined ? "" : `<= ${format(atMost)}`,
  ]
    .filter((text) => text !== "")
    .join(", ")
}

function format(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 2 : 4
  return value.toLocaleString("en-US", { maximumFractionDigits: digits })
}

function printTable(rows: string[][], print: (line: string) => void): void {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  )
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    )
    print(`  ${cells.join("  ").trimEnd()}`)
  }
}
