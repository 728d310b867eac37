// The demo's week, through the public HTTP API alone.
//
// Ada works a day and then forgets her workspace. Grace takes a ready one from the pool and uses it
// every day.
//
// Every transition that is printed was read back through the API, with the server's reason. The
// explanation announced each automatic one before it happened.
import { ApiFailure, type ApiClient } from "../local/api-client.ts"
import type { DemoClock } from "./clock.ts"
import { createObserver, minuteOf, type Workspace } from "./observer.ts"
import type { Pool } from "./pool.ts"
import type { Story } from "./story.ts"

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** Policy of the demo's template. */
export const policy = {
  default_ttl_ms: 4 * hourMs,
  activity_bump_ms: hourMs,
  dormant_ttl_ms: 2 * dayMs,
  delete_ttl_ms: dayMs,
}

export type Cast = {
  ada: ApiClient
  grace: ApiClient
  templateId: string
  pool: Pool
  clock: DemoClock
  story: Story
  /** Midnight UTC of the first Monday of the demo. */
  mondayAt: Date
}

const stopAtDeadline = { transition: "stop", reason: "autostop" }
const startBySchedule = { transition: "start", reason: "autostart" }
const startByHand = { transition: "start", reason: "initiator" }

export async function playDays(cast: Cast): Promise<void> {
  const { story, clock, pool } = cast
  const { read, tellBuild, foretell, comesTrue, holds, use } = createObserver(story, clock)
  const at = (day: number, hour: number, minute = 0) =>
    new Date(cast.mondayAt.getTime() + day * dayMs + hour * hourMs + minute * 60_000)

  story.chapter("Monday: a working day")
  await clock.advanceTo(at(0, 8, 50))
  const created: Workspace = await cast.ada.call("POST", "/users/me/workspaces", {
    name: "atlas",
    template_id: cast.templateId,
    ttl_ms: 4 * hourMs,
    autostart_schedule: "CRON_TZ=UTC 0 9 * * 1-5",
    rich_parameter_values: [{ name: "greeting", value: "good morning" }],
  })
  const atlas = { who: cast.ada, id: created.id }
  story.tell("Ada creates atlas: 4 hours at a time, started at 09:00 on working days")
  await tellBuild(atlas, 1, startByHand)

  const claimed: Workspace = await cast.grace.call("POST", "/users/me/workspaces", {
    name: "birch",
    template_id: cast.templateId,
    template_version_preset_id: (await pool.read()).preset_id,
  })
  const birch = { who: cast.grace, id: claimed.id }
  story.expect("birch was a ready workspace of the pool", pool.heldReady(claimed.id))
  story.tell("Grace asks for birch and is given one that stands ready: 4 hours, no schedule")
  await tellBuild(birch, 2, startByHand)
  await pool.refills(1)
  const first = await foretell(atlas, stopAtDeadline)

  await clock.advanceTo(at(0, 10, 30))
  await use(atlas, "vscode")
  const used = await story.until(
    "the heartbeat reaches last_used_at",
    () => read(atlas),
    (workspace) => new Date(workspace.last_used_at) >= at(0, 10, 30),
  )
  story.tell(`Ada works: last used ${minuteOf(used.last_used_at)}`)
  await clock.advanceTo(at(0, 12, 40))
  await use(atlas, "vscode")
  const bumped = await story.until(
    "work moves the deadline",
    () => read(atlas),
    (workspace) => new Date(workspace.latest_build.deadline ?? 0) > first.at,
  )
  story.tell(`Ada still works: the deadline moves to ${minuteOf(bumped.latest_build.deadline)}`)
  await use(birch, "jetbrains")

  story.chapter("She leaves")
  const graceLeaves = await foretell(birch, stopAtDeadline)
  await comesTrue(await foretell(atlas, stopAtDeadline))
  await holds(graceLeaves)
  await clock.advanceTo(at(0, 18))

  story.chapter("The night")
  const morning = await foretell(atlas, startBySchedule)
  await clock.advanceTo(at(1, 8, 30))
  story.tell(`atlas: stopped all night (${clock.ticks()} ticks so far)`)

  story.chapter("Tuesday: it is there before her")
  await comesTrue(morning)
  story.tell("Ada does not come")
  await clock.advanceTo(at(1, 10))
  await cast.grace.call("POST", `/workspaces/${birch.id}/builds`, {
    transition: "start",
    reason: "dashboard",
  })
  await tellBuild(birch, 4, { transition: "start", reason: "dashboard" })
  await comesTrue(await foretell(atlas, stopAtDeadline))
  await comesTrue(await foretell(birch, stopAtDeadline))

  const nextMorning = await foretell(atlas, startBySchedule)

  story.chapter("Wednesday: two days without her")
  await comesTrue(nextMorning)
  await clock.advanceTo(at(2, 10))
  await cast.grace.call("POST", `/workspaces/${birch.id}/builds`, { transition: "start" })
  await tellBuild(birch, 6, startByHand)
  await use(birch, "ssh")
  await comesTrue(await foretell(atlas, { transition: "stop", reason: "dormancy" }))
  const dormant = await read(atlas)
  story.expect("atlas is dormant", dormant.dormant_at !== null)
  story.tell(`atlas: dormant since ${minuteOf(dormant.dormant_at)}, and nobody wakes it`)
  const end = await foretell(atlas, { transition: "delete", reason: "autodelete" })

  story.chapter("Thursday: it is gone")
  await clock.advanceTo(at(3, 9, 1))
  story.expect(
    "a dormant workspace is not started",
    (await read(atlas)).latest_build.build_number === 6,
  )
  story.tell("atlas: not started, for it is dormant")
  await cast.grace.call("POST", `/workspaces/${birch.id}/builds`, { transition: "start" })
  await tellBuild(birch, 8, startByHand)
  await use(birch, "ssh")
  await comesTrue(end)
  story.expect("atlas is gone", await isGone(atlas.who, atlas.id))
  const left = await cast.grace.call("GET", "/workspaces?q=owner:me")
  story.expect("birch is untouched", left.count === 1 && left.workspaces[0].dormant_at === null)
  story.tell("birch: still there, for Grace uses it")
  await pool.isUntouched()
}

/** The API answers 410 for a deleted workspace unless `include_deleted` is set. */
async function isGone(who: ApiClient, id: string): Promise<boolean> {
  try {
    await who.call("GET", `/workspaces/${id}`)
    return false
  } catch (error) {
    return error instanceof ApiFailure && error.status === 410
  }
}
