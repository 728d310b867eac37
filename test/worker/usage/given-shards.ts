// What the tests of permits share: workspaces of one shard, shards that know nothing, and a count
// of what the database is asked.
import { evictDurableObject, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { neonConfig } from "@neondatabase/serverless"
import type { Ping } from "../../../src/usage/tracker/mark.ts"
import {
  trackerOf,
  trackerOfShard,
  usageShardCount,
  usageShardOf,
} from "../../../src/usage/tracker/shards.ts"
import { givenKey, givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate, type GivenTemplate } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api } from "../harness.ts"
import { sha256, type Row } from "../rows.ts"

export const shard = 3

/**
 * Shards outlive a file of tests: they forget all that they know, also of when they last read or
 * renewed.
 */
export async function forgetPermits(): Promise<void> {
  for (let each = 0; each < usageShardCount; each++) {
    const tracker = trackerOfShard(env, each)
    await runInDurableObject(tracker, (_, { storage }) => {
      for (const table of ["counters", "permits", "used", "stats", "app_sessions"])
        storage.sql.exec(`delete from ${table}`)
    })
    await evictDurableObject(tracker)
  }
}

/** How many permits a shard has stored. */
export const storedCount = () =>
  runInDurableObject(trackerOfShard(env, shard), (_, { storage }) =>
    Number(storage.sql.exec("select count(*) as n from permits").one()["n"]),
  )

export function idOfShard(wanted = shard): string {
  for (;;) {
    const id = crypto.randomUUID()
    if (usageShardOf(id) === wanted) return id
  }
}

/** A person in use with a running workspace of the shard. */
export async function givenPinger(
  options: { key?: Row; user?: Row; template?: GivenTemplate } = {},
) {
  const user: GivenUser = await givenUser({ columns: options.user ?? {} })
  const token = options.key === undefined ? user.token : await givenKey(user.id, options.key)
  const template = options.template ?? (await givenTemplate(user))
  const workspace = await givenWorkspace(user, template, {
    columns: { id: idOfShard() },
    build: { columns: { deadline: afterEpoch(600_000) } },
  })
  return { user, token, template, workspace }
}

export async function givenPingerWithAgent() {
  const pinger = await givenPinger()
  return { ...pinger, agent: await givenAgent(pinger.workspace, pinger.workspace.build) }
}

type Pinged = { token: string; workspace: { id: string } }

export const ping = (
  { token, workspace }: Pinged,
  body?: unknown,
  headers: Record<string, string> = {},
) => api(`/api/v2/workspaces/${workspace.id}/usage`, { method: "POST", token, body, headers })

/** What the shard says to a ping before anybody authenticates. */
export async function asked({ token, workspace }: Pinged, ms: number): Promise<"kept" | "unknown"> {
  const [keyId = "", secret = ""] = token.split("-")
  const keyHash = [...(await sha256(secret))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("")
  const input: Ping = {
    keyId,
    keyHash,
    workspaceId: workspace.id,
    seenAtMs: afterEpoch(ms).getTime(),
    ip: "",
    agentId: null,
    app: null,
  }
  return trackerOf(env, workspace.id).ping(input)
}

/** The way to the file's database while a test stands in it. Each file has a way of its own. */
let passOn: typeof fetch | null = null

/** Each round trip is answered so from now on, until `passCalls`. */
export function standBetween(
  answer: (pass: typeof fetch, ...request: Parameters<typeof fetch>) => Promise<Response>,
): void {
  passOn ??= neonConfig.fetchFunction as typeof fetch
  const pass = passOn
  neonConfig.fetchFunction = (...request: Parameters<typeof fetch>) => answer(pass, ...request)
}

const isRead = (text: string) => /authenticate_user\(|stable_hash\(id::text\) %/.test(text)
const isFlush = (text: string) => text.includes("with beat as materialized")

/**
 * Counts the statements of usage from now on.
 *
 * Flushes are counted apart, and a test may only expect at least so many: on a slow machine an
 * alarm makes one more. Objects of other test files wake too; their other statements do not
 * count.
 */
export function countCalls() {
  const count = { reads: 0, flushes: 0, lookAheads: 0 }
  standBetween((pass, ...request) => {
    const text = JSON.stringify(request[1]?.body)
    if (isRead(text)) count.reads += 1
    if (isFlush(text)) count.flushes += 1
    if (text.includes("stable_hash(id::text) %")) count.lookAheads += 1
    return pass(...request)
  })
  return count
}

/** Counts the reads that usage tries while the database is unavailable. */
export function breakDatabase() {
  const count = { reads: 0 }
  standBetween((_pass, ...request) => {
    if (isRead(JSON.stringify(request[1]?.body))) count.reads += 1
    return Promise.reject(new Error("connection refused"))
  })
  return count
}

export function passCalls(): void {
  if (passOn !== null) neonConfig.fetchFunction = passOn
  passOn = null
}
