// What the demo reads of a workspace: its state, its forecast, and whether the forecast came true.
import type { ApiClient } from "../local/api-client.ts"
import type { DemoClock } from "./clock.ts"
import { DidNotHappen, type Story } from "./story.ts"

const minuteMs = 60_000

export type Build = {
  id: string
  build_number: number
  created_at: string
  transition: string
  reason: string
  initiator_name: string
  deadline: string | null
  job: { status: string; error?: string }
}

export type Workspace = {
  id: string
  name: string
  owner_name: string
  last_used_at: string
  dormant_at: string | null
  deleting_at: string | null
  next_start_at: string | null
  latest_build: Build & { resources: { agents?: { id: string; name: string }[] }[] }
}

/** The owner's name, and the token to read with. */
export type Watched = { who: ApiClient; id: string }

type Expected = { transition: string; reason: string }

/** What the server said would happen to a workspace next. */
export type Foretold = Expected & { watched: Watched; at: Date; afterBuild: number }

export function createObserver(story: Story, clock: DemoClock) {
  const read = ({ who, id }: Watched): Promise<Workspace> =>
    who.call("GET", `/workspaces/${id}?include_deleted=true`)

  /** Waits for a build to succeed, and prints it with the reason that the API gives. */
  const tellBuild = async (
    watched: Watched,
    number: number,
    expected: Expected,
  ): Promise<Build> => {
    const what = `build ${number}, ${expected.transition} because of ${expected.reason}`
    const { latest_build: build, name } = await story.until(
      what,
      () => read(watched),
      (workspace) =>
        workspace.latest_build.build_number >= number && isOver(workspace.latest_build),
    )
    if (build.job.status !== "succeeded")
      throw new DidNotHappen(`${what}: the job ${build.job.status}: ${build.job.error}`)
    story.expect(
      `${what} (it was ${build.build_number}, ${build.transition}, ${build.reason})`,
      build.build_number === number &&
        build.transition === expected.transition &&
        build.reason === expected.reason,
    )
    const logs: { output: string }[] = await watched.who.call(
      "GET",
      `/workspacebuilds/${build.id}/logs`,
    )
    story.expect(`${what} wrote a log`, logs.length > 0)
    const lines = `${logs.length} log line${logs.length === 1 ? "" : "s"}`
    story.tell(
      `${name}: ${past(build.transition)}, reason "${build.reason}",
        by ${build.initiator_name} (build ${number}, ${lines})`,
    )
    return build
  }

  /** Reads the explanation of the workspace's lifecycle and prints what will happen next. */
  const foretell = async (watched: Watched, expected: Expected): Promise<Foretold> => {
    const {
      next,
      workspace_name: name,
      history,
    } = await watched.who.call("GET", `/workspaces/${watched.id}/lifecycle`)
    story.expect(
      `${name}: the explanation says ${expected.transition} because of ${expected.reason} (it says ${JSON.stringify(next)})`,
      next?.transition === expected.transition && next.reason === expected.reason,
    )
    story.tell(
      `${name}: foretold to ${next.transition} at ${minuteOf(next.at)}, reason "${next.reason}"`,
    )
    return { ...expected, watched, at: new Date(next.at), afterBuild: history[0].build_number }
  }

  /**
   * Moves to the announced instant: nothing happens up to the minute before, and only that happens
   * at it.
   */
  const comesTrue = async (foretold: Foretold): Promise<Build> => {
    const { watched, at, afterBuild } = foretold
    const lastMs = Math.ceil(at.getTime() / minuteMs - 1) * minuteMs
    await clock.advanceTo(new Date(lastMs))
    const before = await read(watched)
    story.expect(
      `${before.name}: nothing happens before ${at.toISOString()}`,
      isAt(before, afterBuild),
    )
    await clock.advanceTo(new Date(lastMs + minuteMs))
    return holds(foretold)
  }

  /** Prints the announced build, if it was made when the explanation said. */
  const holds = async (foretold: Foretold): Promise<Build> => {
    const build = await tellBuild(foretold.watched, foretold.afterBuild + 1, foretold)
    const lateMs = new Date(build.created_at).getTime() - foretold.at.getTime()
    story.expect(
      `build ${build.build_number} was made as foretold,
        at ${foretold.at.toISOString()} (it was ${build.created_at})`,
      lateMs >= 0 && lateMs < minuteMs,
    )
    return build
  }

  const use = async (watched: Watched, app: string) => {
    const workspace = await read(watched)
    const agent = workspace.latest_build.resources.flatMap(({ agents }) => agents ?? [])[0]
    if (agent === undefined) throw new DidNotHappen("the workspace has no agent to be used through")
    await watched.who.call("POST", `/workspaces/${watched.id}/usage`, {
      agent_id: agent.id,
      app_name: app,
    })
    await clock.flush()
  }

  return { read, tellBuild, foretell, comesTrue, holds, use }
}

/** An instant of the wire as the demo prints it. */
export function minuteOf(text: string | null): string {
  return text === null ? "never" : text.slice(0, 16).replace("T", " ")
}

function isAt(workspace: Workspace, build: number): boolean {
  return workspace.latest_build.build_number === build
}

function isOver(build: Build): boolean {
  return ["succeeded", "failed", "canceled"].includes(build.job.status)
}

function past(transition: string): string {
  return { start: "started", stop: "stopped", delete: "deleted" }[transition] ?? transition
}
