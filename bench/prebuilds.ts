// Claims on one busy preset, against plain creates, and a reconcile with nothing to do.
//
// Claims are measured at the database and through the API.
import { createHash } from "node:crypto"
import { PgDialect } from "drizzle-orm/pg-core"
import { Client } from "pg"
import type { Database } from "../src/platform/db/client.ts"
import { encodeValue } from "../src/platform/db/values.ts"
import { pickPrebuild, revokePoolKeys } from "../src/pools/claim.ts"
import { writePoolGauges } from "../src/pools/gauges.ts"
import { reconcilePools } from "../src/pools/reconcile.ts"
import { sql } from "drizzle-orm"
import type { BenchDatabase } from "./lib/bench-database.ts"
import { medianMs } from "./lib/median.ts"
import type { Result } from "./lib/report.ts"
import { poolEpoch, seedPools, seedPrebuilds, type SeededPool } from "./lib/seed-pools.ts"

const clients = 32
const claimsAtDatabase = 2_000
const requestsPerRound = 400
const rounds = 3
const presets = 500
const now = new Date(poolEpoch.getTime() + 60_000)
const dialect = new PgDialect()

export async function run({ db, client, url }: BenchDatabase): Promise<Omit<Result, "bench">> {
  const [hot, plain] = await seedPools(client, { prefix: "hot", count: 2, desired: 0 })
  if (hot === undefined || plain === undefined) throw new Error("two templates are seeded")
  await client.query("update template_version_presets set desired_instances = null where id = $1", [
    plain.presetId,
  ])
  const token = await seedOwner(client)

  await seedPrebuilds(client, hot, claimsAtDatabase)
  await client.query("analyze")
  const databaseClaims = await claimAtDatabase(url, hot)

  const api = await openApi(url, token)
  const claimMs: number[] = []
  const createMs: number[] = []
  let claimSeconds = 0
  for (let round = 0; round < rounds; round++) {
    await seedPrebuilds(client, hot, requestsPerRound)
    await client.query("analyze workspaces")
    // Every connection reads the catalog again after an analyze, and is opened in the first round.
    // The first measurement would pay for that.
    await inParallel(2 * clients, () => api.create(plain))
    const startedAt = performance.now()
    claimMs.push(...(await inParallel(requestsPerRound, () => api.create(hot, true))))
    claimSeconds += (performance.now() - startedAt) / 1000
    createMs.push(...(await inParallel(requestsPerRound, () => api.create(plain))))
  }
  api.close()
  const [claims] = (
    await client.query<{ n: number }>(
      `select count(*)::int as n from provisioner_jobs
        where input @> '{"prebuilt_workspace_stage": 2}'`,
    )
  ).rows
  if (claims?.n !== requestsPerRound * rounds)
    throw new Error(`${claims?.n} claims through the API`)

  const quiet = await reconcileQuietly(db, client)
  const claimP99Ms = percentile(claimMs, 0.99)
  const createP99Ms = percentile(createMs, 0.99)
  return {
    figures: {
      claimsPerSecondAtDatabase: claimsAtDatabase / databaseClaims.seconds,
      databaseClaimP99Ms: percentile(databaseClaims.ms, 0.99),
      claimsPerSecondThroughApi: (requestsPerRound * rounds) / claimSeconds,
      claimP50Ms: percentile(claimMs, 0.5),
      createP50Ms: percentile(createMs, 0.5),
      claimP99Ms,
      createP99Ms,
      reconcileStatements: quiet.statements,
      reconcileRoundTrips: quiet.roundTrips,
      reconcileMs: quiet.ms,
    },
    targets: [
      { name: "claim p99 over create p99", value: claimP99Ms / createP99Ms, atMost: 1.5 },
      {
        name: "statements of a reconcile of 500 presets with nothing to do",
        value: quiet.statements,
        atMost: 5,
      },
    ],
  }
}

/**
 * 32 connections that claim until nothing is left: the claim's statement without HTTP and
 * authentication.
 */
async function claimAtDatabase(
  url: string,
  pool: SeededPool,
): Promise<{ seconds: number; ms: number[] }> {
  const [owner] = await withClient(url, (one) =>
    one
      .query<{ id: string }>("select id from users where username = 'bench-owner'")
      .then(({ rows }) => rows),
  )
  if (owner === undefined) throw new Error("an owner is seeded")
  const startedAt = performance.now()
  const times = await Promise.all(
    Array.from({ length: clients }, (_, worker) =>
      withClient(url, async (one) => {
        const ms: number[] = []
        for (let n = 0; ; n++) {
          const query = dialect.sqlToQuery(sql`with picked_prebuild
              as (${pickPrebuild({ presetId: sql`${pool.presetId}`, now })}),
            revoked as (${revokePoolKeys}),
            claimed as (update workspaces w set owner_id = ${owner.id}::uuid,
              name = ${`db-${worker}-${n}`}, updated_at = ${now}::timestamptz,
              last_used_at = ${now}::timestamptz from picked_prebuild p where w.id = p.id
                returning w.id)
            select id from claimed`)
          const from = performance.now()
          const { rowCount } = await one.query(query.sql, query.params.map(encodeValue))
          if (rowCount === 0) return ms
          ms.push(performance.now() - from)
        }
      }),
    ),
  )
  const ms = times.flat()
  if (ms.length !== claimsAtDatabase) throw new Error(`${ms.length} claims at the database`)
  return { seconds: (performance.now() - startedAt) / 1000, ms }
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

type Application = {
  request: (
    url: string,
    init: RequestInit,
    env: unknown,
    context: unknown,
  ) => Promise<Response> | Response
}

/**
 * The Worker's own application, called as a function. Objects that only receive hints are
 * stand-ins.
 */
async function openApi(url: string, token: string) {
  // By its address, since the Worker's types are not those of a Node program.
  const { createApp }: { createApp: (clock: () => Date) => Application } = await import(
    new URL("../src/app.ts", import.meta.url).href
  )
  const app = createApp(() => now)
  const done = () => Promise.resolve()
  const silent = { getByName: () => ({ post: done, publish: done, buildChanged: done }) }
  const limit = { limit: () => Promise.resolve({ success: true }) }
  const env = {
    DATABASE_URL: url,
    ACCESS_URL: "https://bench.invalid",
    JOB_BOARD: silent,
    WORKSPACE_FEED: silent,
    AGENT_HUB: silent,
    ...Object.fromEntries(
      ["READ", "WRITE", "LOGIN", "ADDRESS"].map((name) => [`RATE_LIMIT_${name}`, limit]),
    ),
  }
  const context = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} }
  const log = console.log
  console.log = () => undefined
  let made = 0
  return {
    close: () => {
      console.log = log
    },
    create: async (pool: SeededPool, isClaim = false) => {
      const body = {
        name: `api-${made++}`,
        template_id: pool.templateId,
        ...(isClaim ? { template_version_preset_id: pool.presetId } : {}),
      }
      const response = await app.request(
        "https://bench.invalid/api/v2/users/me/workspaces",
        {
          method: "POST",
          headers: { "Content-Type": "application/json", "Coder-Session-Token": token },
          body: JSON.stringify(body),
        },
        env,
        context,
      )
      if (response.status !== 201)
        throw new Error(`create answered ${response.status}: ${await response.text()}`)
    },
  }
}

/** Milliseconds of each call, run by 32 clients. */
async function inParallel(count: number, call: () => Promise<void>): Promise<number[]> {
  const ms: number[] = []
  let left = count
  const worker = async () => {
    while (left-- > 0) {
      const from = performance.now()
      await call()
      ms.push(performance.now() - from)
    }
  }
  await Promise.all(Array.from({ length: clients }, worker))
  return ms
}

/** A reconcile of pools that need no change, its gauges included. */
async function reconcileQuietly(db: Database, client: Client) {
  const pools = await seedPools(client, { prefix: "quiet", count: presets, desired: 1 })
  for (const pool of pools) await seedPrebuilds(client, pool, 1)
  await client.query("analyze")
  let statements = 0
  let roundTrips = 0
  const counted: Database = {
    all: (one) => {
      statements += 1
      roundTrips += 1
      return db.all(one)
    },
    batch: (many) => {
      statements += many.length
      roundTrips += 1
      return db.batch(many)
    },
  }
  const cycle = async () => {
    const { pools: read, isPaused, counts } = await reconcilePools(counted, now)
    await writePoolGauges(counted, read, { isPaused, durationMs: 1, now })
    return counts
  }
  // The first one writes the memberships.
  await cycle()
  statements = 0
  roundTrips = 0
  const counts = await cycle()
  if (counts.pools < presets || counts.created + counts.deleted > 0)
    throw new Error(`not quiet: ${JSON.stringify(counts)}`)
  const once = { statements, roundTrips }
  return { ...once, ms: await medianMs(5, cycle) }
}

async function seedOwner(client: Client): Promise<string> {
  const secret = "s".repeat(22)
  await client.query(
    `insert into users (id, email, username, status, created_at, updated_at, last_seen_at)
     values (md5('bench-owner')::uuid, 'owner@bench.invalid', 'bench-owner', 'active', $1, $1, $1)`,
    [poolEpoch],
  )
  await client.query(
    `insert into organization_members (user_id, organization_id, created_at, updated_at)
     select md5('bench-owner')::uuid, id, $1, $1 from organizations where is_default`,
    [poolEpoch],
  )
  await client.query(
    `insert into api_keys (id, user_id, hashed_secret, login_type, lifetime_seconds, last_used_at,
      expires_at, created_at, updated_at)
     values ('benchowner', md5('bench-owner')::uuid, $2, 'token', 86400, $1,
       $1::timestamptz + interval '30 days', $1, $1)`,
    [poolEpoch, createHash("sha256").update(secret).digest()],
  )
  return `benchowner-${secret}`
}

function percentile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(Math.ceil(sorted.length * fraction), sorted.length) - 1] ?? Number.NaN
}
