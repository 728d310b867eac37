// The demo's week, through the public HTTP API alone: Ada works a day and then forgets her workspace; Grace uses hers every day.
//
// Every transition that is told was read back through the API, with the reason that the server gives for it.
import { ApiFailure, type ApiClient } from "./api-client.ts"
import type { DemoClock } from "./demo-clock.ts"
import { DidNotHappen, type Story } from "./demo-story.ts"

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** Of the template, as it is created with. */
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
  clock: DemoClock
  story: Story
  /** The first Monday of the demo, at midnight UTC. */
  mondayAt: Date
}

type Build = {
  id: string
  build_number: number
  transition: string
  reason: string
  initiator_name: string
  deadline: string | null
  job: { status: string; error?: string }
}

type Workspace = {
  id: string
  name: string
  last_used_at: string
  dormant_at: string | null
  deleting_at: string | null
  next_start_at: string | null
  latest_build: Build & { resources: { agents?: { id: string; name: string }[] }[] }
}

export async function playDays(cast: Cast): Promise<void> {
  const { story, clock } = cast
  const at = (day: number, hour: number, minute = 0) =>
    new Date(cast.mondayAt.getTime() + day * dayMs + hour * hourMs + minute * 60_000)
  const read = (who: ApiClient, id: string): Promise<Workspace> => who.call("GET", `/workspaces/${id}`)
  const time = (text: string | null) => (text === null ? "never" : text.slice(0, 16).replace("T", " "))

  /** Waits for a build to end well, and tells it with the reason that the API gives. */
  const tellBuild = async (
    who: ApiClient,
    id: string,
    number: number,
    expected: Pick<Build, "transition" | "reason">,
  ) => {
    const what = `build ${number}, ${expected.transition} because of ${expected.reason}`
    const { latest_build: build, name } = await story.until(
      what,
      () => read(who, id),
      (workspace) => workspace.latest_build.build_number >= number && isOver(workspace.latest_build),
    )
    if (build.job.status !== "succeeded")
      throw new DidNotHappen(`${what}: the job ${build.job.status}: ${build.job.error}`)
    story.expect(
      `${what} (it was ${build.transition}, ${build.reason})`,
      build.transition === expected.transition,
    )
    story.expect(`${what} (its reason was ${build.reason})`, build.reason === expected.reason)
    const logs: { output: string }[] = await who.call("GET", `/workspacebuilds/${build.id}/logs`)
    story.expect(`${what} wrote a log`, logs.length > 0)
    story.tell(
      `${name}: ${past(build.transition)}, reason "${build.reason}", by ${build.initiator_name} (build ${number}, ${logs.length} log lines)`,
    )
    return build
  }
  const use = async (who: ApiClient, id: string, app: string) => {
    const agent = (await read(who, id)).latest_build.resources.flatMap(({ agents }) => agents ?? [])[0]
    if (agent === undefined) throw new DidNotHappen("the workspace has no agent to be used through")
    await who.call("POST", `/workspaces/${id}/usage`, { agent_id: agent.id, app_name: app })
    await clock.flush()
  }

  story.chapter("Monday: a working day")
  await clock.advanceTo(at(0, 8, 50))
  const atlas: Workspace = await cast.ada.call("POST", "/users/me/workspaces", {
    name: "atlas",
    template_id: cast.templateId,
    ttl_ms: 4 * hourMs,
    autostart_schedule: "CRON_TZ=UTC 0 9 * * 1-5",
    rich_parameter_values: [{ name: "greeting", value: "good morning" }],
  })
  story.tell("Ada creates atlas: 4 hours at a time, started at 09:00 on working days")
  const birch: Workspace = await cast.grace.call("POST", "/users/me/workspaces", {
    name: "birch",
    template_id: cast.templateId,
  })
  story.tell("Grace creates birch, with what the template says: 4 hours, no schedule")
  const first = await tellBuild(cast.ada, atlas.id, 1, { transition: "start", reason: "initiator" })
  story.tell(`atlas: will stop at ${time(first.deadline)} unless it is used`)
  await tellBuild(cast.grace, birch.id, 1, { transition: "start", reason: "initiator" })

  await clock.advanceTo(at(0, 10, 30))
  await use(cast.ada, atlas.id, "vscode")
  const used = await story.until(
    "the heartbeat reaches last_used_at",
    () => read(cast.ada, atlas.id),
    (workspace) => new Date(workspace.last_used_at) >= at(0, 10, 30),
  )
  story.tell(`Ada works: last used ${time(used.last_used_at)}`)
  await clock.advanceTo(at(0, 12, 40))
  await use(cast.ada, atlas.id, "vscode")
  const bumped = await story.until(
    "work moves the deadline",
    () => read(cast.ada, atlas.id),
    (workspace) => new Date(workspace.latest_build.deadline ?? 0) > new Date(first.deadline ?? 0),
  )
  story.tell(`Ada still works: the deadline moves to ${time(bumped.latest_build.deadline)}`)
  await use(cast.grace, birch.id, "jetbrains")

  story.chapter("She leaves")
  const stopAt = new Date(bumped.latest_build.deadline ?? 0)
  await clock.advanceTo(new Date(stopAt.getTime() - 60_000))
  story.expect(
    "atlas runs until its deadline",
    (await read(cast.ada, atlas.id)).latest_build.transition === "start",
  )
  await clock.advanceTo(new Date(stopAt.getTime() + 60_000))
  await tellBuild(cast.ada, atlas.id, 2, { transition: "stop", reason: "autostop" })
  await tellBuild(cast.grace, birch.id, 2, { transition: "stop", reason: "autostop" })
  await clock.advanceTo(at(0, 18))
  const evening = await read(cast.ada, atlas.id)
  story.tell(`atlas: next start ${time(evening.next_start_at)}`)

  story.chapter("The night")
  await clock.advanceTo(at(1, 8, 59))
  story.expect("nothing happens at night", (await read(cast.ada, atlas.id)).latest_build.build_number === 2)
  story.tell(`atlas: stopped all night (${clock.ticks()} ticks so far)`)

  story.chapter("Tuesday: it is there before her")
  await clock.advanceTo(at(1, 9))
  await tellBuild(cast.ada, atlas.id, 3, { transition: "start", reason: "autostart" })
  story.tell("Ada does not come")
  await clock.advanceTo(at(1, 10))
  await cast.grace.call("POST", `/workspaces/${birch.id}/builds`, {
    transition: "start",
    reason: "dashboard",
  })
  await tellBuild(cast.grace, birch.id, 3, { transition: "start", reason: "dashboard" })
  await clock.advanceTo(at(1, 13, 1))
  await tellBuild(cast.ada, atlas.id, 4, { transition: "stop", reason: "autostop" })
  await clock.advanceTo(at(1, 14, 1))
  await tellBuild(cast.grace, birch.id, 4, { transition: "stop", reason: "autostop" })

  story.chapter("Wednesday: two days without her")
  await clock.advanceTo(at(2, 9))
  await tellBuild(cast.ada, atlas.id, 5, { transition: "start", reason: "autostart" })
  await clock.advanceTo(at(2, 10))
  await cast.grace.call("POST", `/workspaces/${birch.id}/builds`, { transition: "start" })
  await tellBuild(cast.grace, birch.id, 5, { transition: "start", reason: "initiator" })
  await use(cast.grace, birch.id, "ssh")
  const idleAt = new Date(
    new Date((await read(cast.ada, atlas.id)).last_used_at).getTime() + policy.dormant_ttl_ms,
  )
  await clock.advanceTo(new Date(idleAt.getTime() + 2 * 60_000))
  await tellBuild(cast.ada, atlas.id, 6, { transition: "stop", reason: "dormancy" })
  const dormant = await read(cast.ada, atlas.id)
  story.expect("atlas is dormant", dormant.dormant_at !== null)
  story.tell(
    `atlas: dormant since ${time(dormant.dormant_at)}, deleted at ${time(dormant.deleting_at)} unless woken`,
  )

  story.chapter("Thursday: nobody wakes it")
  await clock.advanceTo(at(3, 9, 1))
  story.expect(
    "a dormant workspace is not started",
    (await read(cast.ada, atlas.id)).latest_build.build_number === 6,
  )
  story.tell("atlas: not started, for it is dormant")
  await cast.grace.call("POST", `/workspaces/${birch.id}/builds`, { transition: "start" })
  await tellBuild(cast.grace, birch.id, 7, { transition: "start", reason: "initiator" })
  await use(cast.grace, birch.id, "ssh")
  const deletingAt = new Date(dormant.deleting_at ?? 0)
  await clock.advanceTo(new Date(deletingAt.getTime() + 2 * 60_000))
  const gone = await story.until(
    "atlas is deleted",
    () => deletedBuild(cast.ada, atlas.id),
    (build) => build !== null && isOver(build),
  )
  story.expect(
    "it was deleted by its policy",
    gone?.reason === "autodelete" && gone.job.status === "succeeded",
  )
  story.tell(`atlas: deleted, reason "${gone?.reason}" (build ${gone?.build_number})`)
  const left = await cast.grace.call("GET", "/workspaces?q=owner:me")
  story.expect("birch is untouched", left.count === 1 && left.workspaces[0].dormant_at === null)
  story.tell("birch: still there, for Grace uses it")
}

/** The last build of a workspace that may be gone: the API answers 410 for it, unless asked for deleted ones. */
async function deletedBuild(who: ApiClient, id: string): Promise<Build | null> {
  try {
    await who.call("GET", `/workspaces/${id}`)
    return null
  } catch (error) {
    if (!(error instanceof ApiFailure && error.status === 410)) throw error
    const workspace: Workspace = await who.call("GET", `/workspaces/${id}?include_deleted=true`)
    return workspace.latest_build
  }
}

function isOver(build: Build): boolean {
  return ["succeeded", "failed", "canceled"].includes(build.job.status)
}

function past(transition: string): string {
  return { start: "started", stop: "stopped", delete: "deleted" }[transition] ?? transition
}
