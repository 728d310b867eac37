// Who lives in the simulation and what they do: people, an administrator, a daemon that may fail
// or fall silent, and the platform that evicts objects. Everything goes through the API, the
// daemon's protocol or the platform's own means.
import { evictDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { expect } from "vitest"
import { trackerOf } from "../../../src/usage/tracker/shards.ts"
import { givenUser, type GivenUser } from "../given-people.ts"
import { api, at, query, type ApiRequest } from "../harness.ts"
import { claim, givenWorld, type World } from "../pools/given-world.ts"
import { daemonCall } from "../queue/given-jobs.ts"
import type { Random } from "../seeded-random.ts"

const minuteMs = 60_000
const hourMs = 60 * minuteMs

export type Town = {
  world: World
  admin: GivenUser
  people: GivenUser[]
  random: Random
  /** The daemon is not seen until then. */
  silentUntilMs: number
  /** Without faults no call may fail for a reason of the server's. */
  isNetworkSound: boolean
  log: string[]
}

const schedules = [
  null,
  "* * * * *",
  "CRON_TZ=UTC 0 9 * * *",
  "CRON_TZ=America/New_York 30 7 * * 1-5",
  "CRON_TZ=Asia/Kolkata 15 * * * *",
]
const dayNames = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

export async function givenTown(random: Random, now: Date): Promise<Town> {
  at(now)
  const world = await givenWorld(
    { default_ttl_ms: 4 * hourMs, time_til_dormant_ms: 24 * hourMs },
    1,
  )
  const organization = { id: world.owner.organizationId, name: "" }
  const admin = await givenUser({ organization, roles: ["owner"] })
  const people = [world.owner]
  for (let made = 0; made < 3; made++) people.push(await givenUser({ organization }))
  const town: Town = {
    world,
    admin,
    people,
    random,
    silentUntilMs: 0,
    isNetworkSound: true,
    log: [],
  }
  for (const person of [...people, ...people]) await create(town, person)
  return town
}

/**
 * One call; answers its status. A fault of the server's own is never an answer on a sound
 * network.
 */
async function call(
  town: Town,
  who: GivenUser,
  path: string,
  request: ApiRequest,
): Promise<number> {
  const answer = await api(`/api/v2${path}`, { ...request, token: who.token })
  town.log.push(
    `${request.method ?? "POST"} ${path} ${JSON.stringify(request.body ?? null)} ${answer.status}`,
  )
  if (town.isNetworkSound) expect(answer.status, `${path} ${answer.text}`).toBeLessThan(500)
  return answer.status
}

const create = (town: Town, person: GivenUser) =>
  call(town, person, "/users/me/workspaces", {
    body: {
      // Numbered, not random: workspaces are chosen in the order of their names.
      name: `w-${town.log.length}`,
      template_id: town.world.template.id,
      autostart_schedule: town.random.pick(schedules),
      ttl_ms: town.random.pick([null, hourMs, 6 * hourMs]),
    },
  })

async function someWorkspace(town: Town): Promise<{ id: string; owner: GivenUser } | null> {
  const rows = await query(
    "select id, owner_id from workspaces where not deleted and owner_id <> prebuilds_user_id() order by created_at, name",
  )
  if (rows.length === 0) return null
  const { id, owner_id } = town.random.pick(rows)
  const owner = town.people.find((person) => person.id === owner_id)
  return owner === undefined ? null : { id, owner }
}

type Deed = (town: Town, now: Date) => Promise<unknown>

/** A deed to a workspace that lives, by its owner. */
const toWorkspace =
  (request: (town: Town, now: Date) => ApiRequest & { what: string }): Deed =>
  async (town, now) => {
    const workspace = await someWorkspace(town)
    if (workspace === null) return
    const { what, ...rest } = request(town, now)
    await call(town, workspace.owner, `/workspaces/${workspace.id}/${what}`, rest)
  }

const use: Deed = async (town) => {
  const workspace = await someWorkspace(town)
  if (workspace === null) return
  const [agent] = await query(
    "select a.id from workspace_agents a join workspaces w on w.latest_build_id = a.build_id where w.id = $1 and not a.deleted",
    [workspace.id],
  )
  const body = agent === undefined ? {} : { body: { agent_id: agent.id, app_name: "vscode" } }
  await call(town, workspace.owner, `/workspaces/${workspace.id}/usage`, {
    method: "POST",
    ...body,
  })
  if (town.random.oneIn(3)) {
    town.log.push(`evict the tracker of ${workspace.id}`)
    await evictDurableObject(trackerOf(env, workspace.id))
  }
}

const policy: Deed = (town) => {
  const { random, world, admin } = town
  const body = random.pick<Record<string, unknown>>([
    { default_ttl_ms: random.pick([0, 2 * hourMs, 8 * hourMs]) },
    { activity_bump_ms: random.pick([0, hourMs]) },
    { time_til_dormant_ms: random.pick([0, 12 * hourMs, 24 * hourMs]) },
    {
      time_til_dormant_autodelete_ms: random.pick([0, 2 * hourMs, 6 * hourMs]),
      update_workspace_dormant_at: random.oneIn(3),
    },
    { failure_ttl_ms: random.pick([0, 10 * minuteMs]) },
    { time_til_autostop_notify_ms: random.pick([0, 30 * minuteMs]) },
    { allow_user_autostart: !random.oneIn(3) },
    { allow_user_autostop: !random.oneIn(3) },
    { autostart_requirement: { days_of_week: dayNames.filter(() => !random.oneIn(4)) } },
    {
      autostop_requirement: {
        days_of_week: dayNames.filter(() => random.oneIn(3)),
        weeks: random.pick([1, 2]),
      },
    },
  ])
  return call(town, admin, `/templates/${world.template.id}`, { method: "PATCH", body })
}

const deeds: readonly Deed[] = [
  use,
  use,
  use,
  policy,
  policy,
  toWorkspace(({ random }) => ({
    what: "autostart",
    method: "PUT",
    body: { schedule: random.pick(schedules) },
  })),
  toWorkspace(({ random }) => ({
    what: "ttl",
    method: "PUT",
    body: { ttl_ms: random.pick([null, minuteMs, 3 * hourMs]) },
  })),
  toWorkspace(({ random }, now) => ({
    what: "extend",
    method: "PUT",
    body: { deadline: new Date(now.getTime() + (30 + random.below(600)) * minuteMs) },
  })),
  toWorkspace(({ random }) => ({
    what: "dormant",
    method: "PUT",
    body: { dormant: random.oneIn(2) },
  })),
  toWorkspace(({ random }) => ({
    what: "builds",
    body: { transition: random.pick(["start", "start", "stop"]) },
  })),
  (town) => create(town, town.random.pick(town.people)),
  async (town) => {
    const { status } = await claim(town.world, { name: `c-${town.log.length}` })
    town.log.push(`claim ${status}`)
  },
  (town) => {
    // The first is the organization's administrator and claims.
    const { id } = town.random.pick(town.people.slice(1))
    const status = town.random.pick(["suspend", "activate", "activate"])
    return call(town, town.admin, `/users/${id}/status/${status}`, { method: "PUT" })
  },
  async (town, now) => {
    town.silentUntilMs = now.getTime() + town.random.below(120) * minuteMs
    town.log.push(`the daemon is silent until ${new Date(town.silentUntilMs).toISOString()}`)
  },
]

export async function act(town: Town, now: Date): Promise<void> {
  at(now)
  const count = town.random.below(4)
  for (let done = 0; done < count; done++) await town.random.pick(deeds)(town, now)
}

/** The daemon takes what waits and ends it well or badly, or dies with a job in its hands. */
export async function provision(town: Town, now: Date, isReliable = false): Promise<void> {
  const { world, random, log } = town
  if (!isReliable && now.getTime() < town.silentUntilMs) return
  at(now)
  await query("update provisioner_daemons set last_seen_at = greatest(last_seen_at, $1)", [now])
  for (let jobs = 0; jobs < 100; jobs++) {
    const { status, body: job } = await daemonCall(world.provisioner, "acquire")
    if (status !== 200) return
    const isStart = job.build?.transition === "start"
    const fate = isReliable
      ? "ends"
      : random.pick(["ends", "ends", "ends", "ends", "fails", "dies"])
    log.push(`job of ${job.build?.workspace?.name} (${job.build?.transition}) ${fate}`)
    if (fate === "dies") continue
    const agents = [{ name: "main", os: "linux", arch: "amd64" }]
    const [verb, body] =
      fate === "fails"
        ? ["fail", { error: "the machine is on fire" }]
        : [
            "complete",
            {
              type: "workspace_build",
              resources: isStart ? [{ type: "compute", name: "main", agents }] : [],
            },
          ]
    await daemonCall(world.provisioner, `jobs/${job.job_id}/${verb}`, body)
    await query("update workspace_agents set lifecycle_state = 'ready' where build_id = $1", [
      job.build?.id,
    ])
  }
}
