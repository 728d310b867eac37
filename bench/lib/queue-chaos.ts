// The queue under faults: PostgreSQL restarts, backends and daemons are killed, connections run
// out.
//
// Each build must end once, none may be lost, and each workspace must be buildable again.
import { setTimeout as sleep } from "node:timers/promises"
import { Client } from "pg"
import { type ChaosSystem, openChaosSystem, pushTemplate } from "./chaos-system.ts"

export type ChaosSize = { workspaceCount: number; daemonCount: number; workMs: number }

export type ChaosOutcome = {
  builds: number
  succeeded: number
  /** Ended by the reaper, since their daemon was silent. */
  reaped: number
  /** Builds that never ended. */
  lost: number
  /** Builds that ended more than once, or whose script did. */
  twice: number
  /** Reaped builds whose workspace could be built again. */
  rebuilt: number
}

type Trouble = (system: ChaosSystem, daemons: readonly string[]) => Promise<void>

const downMs = 1_500
const exhaustedMs = 2_500
const killsMax = 12
const killEveryMs = 200

/** The fault that is injected while the system builds. */
const chaosCells = {
  "Postgres restarted": (system) => system.restartPostgres(downMs),
  "backends killed": killBackends,
  "pool exhausted": exhaustConnections,
  "a daemon killed": (system, [first = ""]) => system.daemons.kill(first),
  "daemons killed repeatedly": async (system, daemons) => {
    for (const name of [...daemons, ...daemons]) {
      await system.daemons.kill(name)
      void system.daemons.start(name)
      await sleep(killEveryMs)
    }
  },
} satisfies Record<string, Trouble>

export type ChaosCell = keyof typeof chaosCells

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of an object that has no others
export const chaosCellNames = Object.keys(chaosCells) as ChaosCell[]

async function killBackends(system: ChaosSystem): Promise<void> {
  const client = await open(system.adminUrl())
  for (let kills = 0; kills < killsMax; kills++) {
    await client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'dormouse'",
    )
    await sleep(killEveryMs)
  }
  await client.end()
}

/** Ends all connections and takes every free one for a while. */
async function exhaustConnections(system: ChaosSystem): Promise<void> {
  const hoarded: Client[] = []
  const admin = await open(system.adminUrl())
  const untilMs = performance.now() + exhaustedMs
  while (performance.now() < untilMs) {
    await admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'dormouse' and application_name <> 'hoarder'",
    )
    try {
      for (;;) hoarded.push(await open(system.databaseUrl(), "hoarder"))
    } catch {
      // All are taken; connections that a call gets between two rounds are taken in the next round.
    }
    await sleep(killEveryMs / 4)
  }
  await Promise.all([admin, ...hoarded].map((client) => client.end()))
}

async function open(url: string, name = "chaos"): Promise<Client> {
  const client = new Client({ connectionString: url, application_name: name })
  client.on("error", () => {})
  await client.connect()
  return client
}

export type ChaosRunner = {
  run: (cell: ChaosCell) => Promise<ChaosOutcome>
  stop: () => Promise<void>
}

/** A system with its workspaces, for one fault after the other. */
export async function prepareChaos(directory: string, size: ChaosSize): Promise<ChaosRunner> {
  const system = await openChaosSystem(directory)
  try {
    const names = Array.from({ length: size.daemonCount }, (_, index) => `daemon-${index + 1}`)
    await Promise.all(names.map(system.daemons.start))
    const templateId = await pushTemplate(system.api, size.workMs)
    const workspaces: string[] = []
    for (let made = 1; made <= size.workspaceCount; made++) {
      const asked = { template_id: templateId, name: `chaos-${made}` }
      const workspace: { id: string } = await system.api.call("POST", "/users/me/workspaces", asked)
      workspaces.push(workspace.id)
    }
    await settle(system)
    return { run: (cell) => runCell(system, cell, names, workspaces), stop: () => system.stop() }
  } catch (error) {
    await system.stop()
    throw error
  }
}

async function runCell(
  system: ChaosSystem,
  cell: ChaosCell,
  names: readonly string[],
  workspaces: readonly string[],
): Promise<ChaosOutcome> {
  // The daemons find all jobs waiting, so that the fault finds the daemons at work.
  await system.daemons.kill()
  const builds = await askForBuilds(system, workspaces)
  const starting = Promise.all(names.map(system.daemons.start))
  await untilBusy(system, names.length)
  await starting
  const trouble: Trouble = chaosCells[cell]
  await trouble(system, names)
  await settle(system)
  for (let ticks = 0; ticks < workspaces.length && (await unfinished(system)) > 0; ticks++) {
    // Longer than a daemon may be silent; the reaper ends ten jobs per tick.
    await system.pass(ticks === 0 ? 6 * 60_000 : 60_000)
  }
  const outcome = await judge(system, builds)
  const failed = outcome.rows.filter(({ job_status }) => job_status === "failed")
  const rebuilt = failed.length === 0 ? 0 : await rebuild(system, names, failed)
  const { rows: _, ...counts } = outcome
  return { ...counts, rebuilt }
}

/** Requests another build of each workspace, and returns how many of those succeeded. */
async function rebuild(
  system: ChaosSystem,
  names: readonly string[],
  failed: readonly Ended[],
): Promise<number> {
  // The Worker's clock skipped minutes that the daemons did not see, so it considers them dead
  // until their next call.
  await system.daemons.kill()
  await Promise.all(names.map(system.daemons.start))
  const again = await askForBuilds(
    system,
    failed.map(({ workspace_id }) => workspace_id),
  )
  await settle(system)
  return (await judge(system, again)).succeeded
}

async function askForBuilds(system: ChaosSystem, workspaces: readonly string[]): Promise<string[]> {
  const builds: string[] = []
  for (const id of workspaces) {
    const build: { id: string } = await system.api.call("POST", `/workspaces/${id}/builds`, {
      transition: "start",
    })
    builds.push(build.id)
  }
  return builds
}

const busyMsMax = 30_000

/** Waits until each daemon holds a job. */
async function untilBusy(system: ChaosSystem, daemonCount: number): Promise<void> {
  const client = await open(system.databaseUrl())
  const untilMs = performance.now() + busyMsMax
  try {
    for (;;) {
      const { rows } = await client.query<{ busy: number }>(
        "select count(distinct worker_id)::int as busy from provisioner_jobs where started_at is not null and completed_at is null",
      )
      if ((rows[0]?.busy ?? 0) >= daemonCount) return
      if (performance.now() > untilMs)
        throw new Error("the builds ended before every daemon was at work")
      await sleep(20)
    }
  } finally {
    await client.end()
  }
}

/** A daemon renews its lease every five seconds. */
const silentMsMax = 8_000
const settleMsMax = 120_000

/** Waits until no job waits and every daemon that still holds one has been silent for long. */
async function settle(system: ChaosSystem): Promise<void> {
  const untilMs = performance.now() + settleMsMax
  const client = await open(system.databaseUrl())
  try {
    let silentSinceMs = performance.now()
    let seen = ""
    for (;;) {
      const { rows } = await client.query<{
        waiting: number
        held: number
        renewed: string | null
      }>(
        `select count(*) filter (where started_at is null)::int as waiting, count(started_at)::int
          as held,
           max(updated_at)::text as renewed
         from provisioner_jobs where completed_at is null`,
      )
      const [now] = rows
      if (now === undefined || now.waiting + now.held === 0) return
      if (JSON.stringify(now) !== seen) silentSinceMs = performance.now()
      seen = JSON.stringify(now)
      if (now.waiting === 0 && performance.now() - silentSinceMs > silentMsMax) return
      if (performance.now() > untilMs) throw new Error(`the queue does not come to rest: ${seen}`)
      await sleep(200)
    }
  } finally {
    await client.end()
  }
}

async function unfinished(system: ChaosSystem): Promise<number> {
  const client = await open(system.databaseUrl())
  const { rows } = await client.query<{ count: number }>(
    "select count(*)::int as count from provisioner_jobs where completed_at is null",
  )
  await client.end()
  return rows[0]?.count ?? 0
}

type Ended = { build_id: string; workspace_id: string; job_status: string; endings: number }

async function judge(system: ChaosSystem, builds: readonly string[]) {
  const client = await open(system.databaseUrl())
  const { rows } = await client.query<Ended>(
    `select b.id as build_id, b.workspace_id, j.job_status, (select count(*)::int from audit_logs l
         where l.resource_id = b.id and l.resource_type = 'workspace_build' and l.status_code
           in (200, 500)) as endings
     from workspace_builds b join provisioner_jobs j on j.id = b.job_id where b.id = any($1)`,
    [builds],
  )
  await client.end()
  const marks = Map.groupBy(system.marks(), (mark) => mark)
  const isTwice = ({ build_id, endings }: Ended) =>
    endings > 1 || (marks.get(build_id)?.length ?? 0) > 1
  const count = (holds: (row: Ended) => boolean) => rows.filter(holds).length
  return {
    rows,
    builds: builds.length,
    succeeded: count(({ job_status }) => job_status === "succeeded"),
    reaped: count(({ job_status }) => job_status === "failed"),
    lost: builds.length - count(({ endings }) => endings > 0),
    twice: count(isTwice),
  }
}
