// What authentication adds to a request, measured against a route without a token.
//
// A GET with a token and one without take turns at the Worker as it is deployed, one round trip
// each. The bench also shows whether the cost grows with the number of accounts and keys.
import { createHash, randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { neonConfig } from "@neondatabase/serverless"
import type { Client } from "pg"
import { freePort } from "../dev/process/free-port.ts"
import { startLocalWorker } from "../dev/local/worker-process.ts"
import type { BenchDatabase } from "./lib/bench-database.ts"
import { median } from "./lib/median.ts"
import type { Result } from "./lib/report.ts"

const now = new Date()
const sizes = [1_000, 100_000] as const
const keysPerUser = 3
// Below a token's rate limit per minute.
const warmUpCount = 20
const runCount = 200
// Authentication and the statement are one transaction of two statements; the public route has one
// statement. Each is a message between the local endpoint and PostgreSQL, not another round trip
// over the network.
const ratioMax = 3
const growthMax = 1.5

/** Each asks the database once. The last two differ in the statement behind the authentication. */
const questions = {
  open: { path: "/users/first", isAuthenticated: false },
  proof: { path: "/experiments", isAuthenticated: true },
  me: { path: "/users/me", isAuthenticated: true },
} as const
type Question = keyof typeof questions
const names = Object.keys(questions) as Question[]

export async function run({ client, url }: BenchDatabase): Promise<Omit<Result, "bench">> {
  const token = { id: randomBytes(5).toString("hex"), secret: randomBytes(11).toString("hex") }
  const worker = await startWorker(url)
  const figures: Record<string, number> = {}
  try {
    let seeded = 0
    for (const size of sizes) {
      await seedAccounts(client, seeded, size)
      if (seeded === 0) await seedKey(client, token)
      await client.query("analyze users, api_keys, organization_members")
      seeded = size
      const measured = await measure(worker.url, `${token.id}-${token.secret}`)
      for (const name of names) figures[`${name}Ms${size}`] = measured[name]
    }
  } finally {
    await worker.stop()
  }
  const [smallest, largest] = sizes
  const overOpen = (name: Question, size: number) =>
    (figures[`${name}Ms${size}`] ?? Number.NaN) / (figures[`openMs${size}`] ?? Number.NaN)
  const [proofRatio, meRatio] = [overOpen("proof", largest), overOpen("me", largest)]
  // Compared with the public route at the same size, so that a machine that became busier does not
  // count.
  const proofGrowth = proofRatio / overOpen("proof", smallest)
  return {
    figures: { ...figures, tripCountMax: worker.tripCountMax(), proofRatio, meRatio, proofGrowth },
    targets: [
      {
        name: "round trips to the database a request",
        value: worker.tripCountMax(),
        atLeast: 1,
        atMost: 1,
      },
      {
        name: "authenticated over unauthenticated, nothing else asked",
        value: proofRatio,
        atMost: ratioMax,
      },
      { name: "authenticated over unauthenticated, a user read", value: meRatio, atMost: ratioMax },
      {
        name: `growth from ${smallest} to ${largest} accounts`,
        value: proofGrowth,
        atMost: growthMax,
      },
    ],
  }
}

/** The Worker under workerd. Its log event says how often each request went to the database. */
async function startWorker(url: string) {
  const directory = mkdtempSync(join(tmpdir(), "dormouse-bench-"))
  let tripCountMax = 0
  const worker = await startLocalWorker({
    port: await freePort(),
    directory,
    bindings: {
      DATABASE_URL: url,
      NEON_ENDPOINT: String(neonConfig.fetchEndpoint),
      ACCESS_URL: "http://127.0.0.1",
    },
    onLog: (line) => {
      const count = /dbCalls: (\d+)/.exec(line)?.[1]
      if (count !== undefined) tripCountMax = Math.max(tripCountMax, Number(count))
    },
  })
  return {
    url: worker.url,
    tripCountMax: () => tripCountMax,
    stop: async () => {
      await worker.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** The median of each, in turns: what slows the machine slows all of them. */
async function measure(url: string, token: string): Promise<Record<Question, number>> {
  const times: Record<Question, number[]> = { open: [], proof: [], me: [] }
  for (let run = -warmUpCount; run < runCount; run += 1) {
    for (const name of names) {
      const startedAt = performance.now()
      await ask(url, name, token)
      if (run >= 0) times[name].push(performance.now() - startedAt)
    }
  }
  return { open: median(times.open), proof: median(times.proof), me: median(times.me) }
}

async function ask(url: string, question: Question, token: string): Promise<void> {
  const { path, isAuthenticated } = questions[question]
  const headers = isAuthenticated ? { "Coder-Session-Token": token } : {}
  const response = await fetch(`${url}/api/v2${path}`, { headers })
  const text = await response.text()
  if (response.status !== 200)
    throw new Error(`GET ${path} was answered ${response.status}: ${text}`)
}

/** Accounts of the default organization with their keys; none of the keys is used. */
async function seedAccounts(client: Client, from: number, to: number): Promise<void> {
  await client.query(
    `with made as (
      insert into users (id, username, email, status, created_at, updated_at)
      select gen_random_uuid(), 'user-' || n, 'user-' || n || '@bench.test', 'active', $3, $3
      from generate_series($1::int + 1, $2::int) n returning id
    ), joined as (
      insert into organization_members (user_id, organization_id, created_at, updated_at)
      select made.id, o.id, $3, $3 from made, organizations o where o.is_default
    )
    insert into api_keys (id, user_id, hashed_secret, login_type, lifetime_seconds, last_used_at,
      expires_at, created_at, updated_at)
    select substr(md5(made.id::text || k), 1, 10), made.id, sha256(made.id::text::bytea),
      'password', 86400, $3, $3, $3, $3
    from made, generate_series(1, $4::int) k on conflict do nothing`,
    [from, to, now, keysPerUser],
  )
}

/** The one key in use: of the first account, used just now, so that no request writes. */
async function seedKey(
  client: Client,
  { id, secret }: { id: string; secret: string },
): Promise<void> {
  await client.query(
    `insert into api_keys (id, user_id, hashed_secret, login_type, lifetime_seconds, last_used_at,
      expires_at, created_at, updated_at)
    select $1, u.id, $2, 'token', 31536000, $3, $3::timestamptz + interval '1 year', $3, $3
      from users u where u.username = 'user-1'`,
    [id, createHash("sha256").update(secret).digest(), now],
  )
}
