// A page of 25 as the organization grows: all for an admin, one's own, running ones, and a name
// search.
import { sql } from "drizzle-orm"
import type { Client } from "pg"
import { statement, type Statement } from "../src/platform/db/client.ts"
import { wireJson } from "../src/platform/http/json.ts"
import { parseWorkspaceSearch } from "../src/workspaces/list/search.ts"
import { countMatches, listPage } from "../src/workspaces/statements.ts"
import { toWorkspaceView, type WorkspaceRow } from "../src/workspaces/view.ts"
import type { BenchDatabase } from "./lib/bench-database.ts"
import type { Calibration } from "./lib/calibration.ts"
import { databaseMs } from "./lib/database-time.ts"
import { medianMs } from "./lib/median.ts"
import type { Result } from "./lib/report.ts"
import { seedFleet } from "./lib/seed-fleet.ts"
import { bulkEpoch, seedTemplate, type Population } from "./lib/seed-workspaces.ts"

const now = new Date(bulkEpoch.getTime() + 3_600_000)
const sizes = [1_000, 10_000, 100_000] as const
const pageSize = 25
const runs = 15
const databaseMsMax = 30
const growthMax = 3
const viewMsMax = 1

const searches = [
  { name: "everything", role: "owner", q: "" },
  { name: "mine", role: "member", q: "owner:me" },
  { name: "running", role: "owner", q: "status:running" },
  { name: "name", role: "owner", q: "w-42" },
] as const

export async function run(
  { client, db }: BenchDatabase,
  calibration: Calibration,
): Promise<Omit<Result, "bench">> {
  const population = await seedTemplate(client, now)
  const figures: Record<string, number> = {}
  let seeded = 0
  for (const size of sizes) {
    await seedFleet(client, population, { from: seeded, count: size - seeded })
    seeded = size
    for (const search of searches) {
      await actAs(client, population, search.role)
      const { page, count } = statementsOf(search.q)
      figures[`${search.name}PageMs${size}`] = await databaseMs(client, page, runs)
      figures[`${search.name}CountMs${size}`] = await databaseMs(client, count, runs)
    }
  }
  const largest = sizes.at(-1) ?? 0
  const at = (name: string) => figures[name] ?? Number.NaN
  const rows = await db.batch([await actorStatement(client, population), statementsOf("").page])
  figures["viewMs"] = await viewMs(rows[1])
  return {
    figures,
    targets: [
      ...searches.map(({ name }) => ({
        name: `${name} at ${largest}, count included, ms`,
        value: at(`${name}PageMs${largest}`) + at(`${name}CountMs${largest}`),
        atMost: databaseMsMax * calibration.slack,
      })),
      ...["everything", "mine"].map((name) => ({
        name: `${name}: growth of the page from ${sizes[0]} to ${largest}`,
        value: at(`${name}PageMs${largest}`) / at(`${name}PageMs${sizes[0]}`),
        atMost: growthMax,
      })),
      {
        name: "building a workspace's answer, ms",
        value: at("viewMs"),
        atMost: viewMsMax * calibration.slack,
      },
    ],
  }
}

function statementsOf(q: string) {
  const { filter } = parseWorkspaceSearch(q)
  if (filter === null) throw new Error(`${q} is no search`)
  return {
    page: listPage(filter, { limit: pageSize, offset: 0, after: null }, now),
    count: countMatches(filter, now),
  }
}

/** Publishes a person as the actor of the connection, as authentication does for a request. */
async function actAs(
  client: Client,
  population: Population,
  role: "owner" | "member",
): Promise<void> {
  await client.query("select set_config('dormouse.actor', $1, false)", [
    JSON.stringify(await actorOf(client, population, role)),
  ])
}

async function actorOf(client: Client, { ownerIds }: Population, role: "owner" | "member") {
  const { rows } = await client.query<{ id: string }>(
    "select id from organizations where is_default",
  )
  return {
    kind: "user",
    id: ownerIds[7],
    username: "user",
    roles: role === "owner" ? ["owner", "member"] : ["member"],
    organizations: { [rows[0]?.id ?? ""]: ["organization-member"] },
    key_id: "bench",
    login_type: "password",
    scopes: ["coder:all"],
    allow_list: ["*:*"],
  }
}

async function actorStatement(client: Client, population: Population): Promise<Statement<unknown>> {
  const actor = JSON.stringify(await actorOf(client, population, "owner"))
  return statement("bench.act-as", sql`select set_config('dormouse.actor', ${actor}, true)`)
}

/** Time to turn one row into its JSON text. */
function viewMs(rows: readonly WorkspaceRow[]): Promise<number> {
  const viewer = { userId: rows[0]?.owner_id ?? "", allowRenames: false }
  return medianMs(runs * 4, () => {
    for (const row of rows) wireJson(toWorkspaceView(row, viewer, now))
    return Promise.resolve()
  }).then((ms) => ms / rows.length)
}
