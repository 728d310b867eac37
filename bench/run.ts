// `npm run bench -- <name>`: runs bench/<name>.ts, which exports `run`, and checks its targets.
//
// A bench seeds a database of its own and returns figures and targets. The last line printed is
// JSON. The exit code is 1 if a target was missed.
import { readdirSync, rmSync } from "node:fs"
import { calibrate } from "./lib/calibration.ts"
import { benchDirectory, openBenchDatabase, type BenchDatabase } from "./lib/bench-database.ts"
import { endProcesses, knownChildren } from "../dev/process/end.ts"
import { report, type Result } from "./lib/report.ts"
import type { Calibration } from "./lib/calibration.ts"

/**
 * What a bench exports as `run`. `isDurable` beside it requests a database that writes commits to
 * the disk.
 */
export type Bench = (
  database: BenchDatabase,
  calibration: Calibration,
) => Promise<Omit<Result, "bench">>

const name = process.argv[2] ?? ""
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".ts") && file !== "run.ts")
  .map((file) => file.slice(0, -3))

if (!names.includes(name)) {
  console.error(`usage: npm run bench -- <${names.join(" | ") || "name"}>`)
  process.exit(2)
}

// By default Node would end at once and leave the processes of the bench running.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    void endProcesses(knownChildren()).then(() => {
      rmSync(benchDirectory(name), { recursive: true, force: true })
      process.exit(1)
    })
  })
}

const { run, isDurable = false }: { run: Bench; isDurable?: boolean } = await import(`./${name}.ts`)
const database = await openBenchDatabase(name, isDurable)
try {
  const calibration = await calibrate(database.db)
  const { figures, targets } = await run(database, calibration)
  const all = { calibrationMs: calibration.ms, calibrationSlack: calibration.slack, ...figures }
  if (!report({ bench: name, figures: all, targets })) process.exitCode = 1
} finally {
  await database.stop()
}
