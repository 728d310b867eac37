// Days in the life of a workspace, row by row of `executor_scenario`.
//
// A daemon ends the builds, the API makes the changes, and ticks run between them. Rows marked as
// unlicensed run like the others, because none depends on a feature that is off.
import { afterEach, describe, expect, test } from "vitest"
import { api, at, query, tick } from "../harness.ts"
import { completeJob, takeJob } from "../pools/given-world.ts"
import { groups, instant } from "./executor-cases.ts"
import { type Event, givenScene, happen, type ScenarioInput, type Scene } from "./scenario-world.ts"

type Notice = {
  template: string
  to?: string
  labels: Record<string, string>
  absent_labels?: string[]
  created_by?: string
  targets?: string[]
}
type Scenario = {
  id: string
  name: string
  input: ScenarioInput
  expected: {
    steps: Record<string, unknown>[]
    notifications?: Notice[]
    deadline?: string
    template_values?: Record<string, number>
    then?: Event[]
  }
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the data is fixed
const scenarios = groups.executor_scenario as unknown as Scenario[]

const reminderId = "6f6cb984-c167-4fa5-bb87-1058dd642779"

const buildsOf = (id: string) =>
  query("select * from workspace_builds where workspace_id = $1 order by build_number", [id])
const workspaceOf = async (id: string) =>
  (await query("select * from workspaces where id = $1", [id]))[0]
const noticesOf = (id: string) =>
  query("select * from notification_messages where $1 = any(targets) order by created_at", [id])

// Each scenario has its own clock, so nothing of another may take part in its ticks.
afterEach(async () => {
  await query("update template_version_presets set desired_instances = null")
  await query(
    "update provisioner_jobs set canceled_at = created_at, completed_at = created_at where completed_at is null",
  )
  await query("update workspaces set deleted = true")
})

/** The checks of a step. A field that is not listed here fails the row. */
type Reading = { scene: Scene; made: Record<string, unknown>[]; value: unknown; tickAt: Date }
const checks: Record<string, (reading: Reading) => Promise<void> | void> = {
  transitions: ({ made, value }) =>
    expect(made.map((build) => build["transition"])).toEqual(Object.values(value as object)),
  transitions_over_both_executors: ({ made, value }) => expect(made.length).toBe(value),
  transition: ({ made, value }) => expect(made[0]?.["transition"]).toBe(value),
  reason: ({ made, value }) => expect(made[0]?.["reason"]).toBe(value),
  template_version: ({ made, value, scene }) =>
    expect(made[0]?.["template_version_id"] ?? null).toBe(
      value === null ? null : scene.versions[value as string],
    ),
  errors: async ({ value, tickAt }) => {
    const [row] = await query(
      "select count(error)::int as errors from lifecycle_ticks where tick_at = date_trunc('minute', $1::timestamptz)",
      [tickAt],
    )
    expect(row.errors).toBe(value)
  },
  waits: async ({ value, scene, tickAt }) => {
    at(tickAt)
    const path = `/api/v2/workspaces/${scene.workspaceId}/lifecycle`
    const { body } = await api(path, { token: scene.world.owner.token })
    expect(
      body.rules.filter((rule: { verdict: string }) => rule.verdict === "waits"),
    ).toMatchObject([{ because: { code: value } }])
  },
  dormant: async ({ value, scene }) =>
    expect((await workspaceOf(scene.workspaceId)).dormant_at !== null).toBe(value),
  dormant_at: async ({ value, scene }) =>
    expect((await workspaceOf(scene.workspaceId)).dormant_at).toEqual(instant(value as string)),
  deleting_at: async ({ value, scene }) =>
    expect((await workspaceOf(scene.workspaceId)).deleting_at).toEqual(instant(value as string)),
  next_start_at_after: async ({ value, scene }) =>
    expect((await workspaceOf(scene.workspaceId)).next_start_at).toEqual(instant(value as string)),
  sent_so_far: async ({ value, scene }) =>
    expect(
      (await noticesOf(scene.workspaceId)).filter((row) => row.template_id === reminderId).length,
    ).toBe(value),
  last_label: async ({ value, scene }) =>
    expect((await noticesOf(scene.workspaceId)).at(-1).labels.deadline).toBe(value),
  build_parameters: async ({ value, made }) => {
    const rows = await query(
      "select name, value from workspace_build_parameters where workspace_build_id = $1",
      [made[0]?.["id"]],
    )
    expect(Object.fromEntries(rows.map((row) => [row.name, row.value]))).toEqual(value)
  },
  audit_logs: async ({ value, scene, tickAt }) => {
    const rows = await query(
      "select status_code as status, action, resource_type as resource from audit_logs where resource_id = $1 and time >= $2",
      [scene.workspaceId, tickAt],
    )
    expect(rows).toEqual(value)
  },
  stop_build_status: async ({ value, scene, tickAt }) => {
    const job = await takeJob(scene.world, tickAt)
    const agents = [{ name: "main", os: "linux", arch: "amd64" }]
    await completeJob(scene.world, job, { resources: [{ type: "compute", name: "main", agents }] })
    expect((await workspaceOf(scene.workspaceId)).latest_job_status).toBe(value)
  },
}

/** The checks before the tick of a step. */
const checksBefore: Record<string, (reading: Pick<Reading, "scene" | "value">) => Promise<void>> = {
  next_start_at: async ({ value, scene }) =>
    expect((await workspaceOf(scene.workspaceId)).next_start_at).toEqual(instant(value as string)),
  next_start_at_before: async ({ value, scene }) =>
    expect((await workspaceOf(scene.workspaceId)).next_start_at).toEqual(instant(value as string)),
  autostart_schedule: async ({ value, scene }) =>
    expect((await workspaceOf(scene.workspaceId)).autostart_schedule).toBe(value),
  deadline: async ({ value, scene }) =>
    expect((await buildsOf(scene.workspaceId)).at(-1).deadline).toEqual(instant(value as string)),
  max_deadline: async ({ value, scene }) =>
    expect((await buildsOf(scene.workspaceId)).at(-1).max_deadline).toEqual(
      instant(value as string),
    ),
}

const knownWords = new Set([
  ...Object.keys(checks),
  ...Object.keys(checksBefore),
  "tick",
  "before",
  "after",
  "provisioner_last_seen",
])

async function playStep(
  scene: Scene,
  step: Record<string, unknown>,
  executors: number,
): Promise<void> {
  expect(Object.keys(step).filter((word) => !knownWords.has(word))).toEqual([])
  await happen((step["before"] ?? step["after"]) as Event[] | undefined, scene)
  for (const [word, check] of Object.entries(checksBefore)) {
    if (word in step) await check({ scene, value: step[word] })
  }
  if (step["tick"] === undefined) return
  const tickAt = new Date(step["tick"] as string)
  const lastSeen = new Date((step["provisioner_last_seen"] as string | undefined) ?? tickAt)
  await query("update provisioner_daemons set last_seen_at = $1", [lastSeen])
  const before = (await buildsOf(scene.workspaceId)).length
  await Promise.all(Array.from({ length: executors }, () => tick(tickAt)))
  const made = (await buildsOf(scene.workspaceId)).slice(before)
  for (const [word, check] of Object.entries(checks)) {
    if (word in step) await check({ scene, made, value: step[word], tickAt })
  }
}

async function expectNotices(scene: Scene, expected: Notice[]): Promise<void> {
  const { world, workspaceId } = scene
  const ids: Record<string, string> = {
    workspace: workspaceId,
    owner: world.owner.id,
    template: world.template.id,
    organization: world.owner.organizationId,
  }
  const notices = await noticesOf(workspaceId)
  expect(notices.map((row) => row.template_id)).toEqual(expected.map(({ template }) => template))
  for (const [index, notice] of expected.entries()) {
    const row = notices[index]
    expect(row.user_id).toBe(ids["owner"])
    expect(row.labels).toMatchObject(notice.labels)
    for (const absent of notice.absent_labels ?? []) expect(row.labels).not.toHaveProperty(absent)
    if (notice.created_by !== undefined) expect(row.created_by).toBe(notice.created_by)
    if (notice.targets !== undefined)
      expect(row.targets).toEqual(notice.targets.map((name) => ids[name]))
  }
}

describe("executor_scenario", () => {
  test.each(scenarios)("$id $name", async ({ input, expected }) => {
    const scene = await givenScene(input)
    const { workspaceId, world } = scene
    const asGiven = await workspaceOf(workspaceId)
    if (
      input.workspace["next_start_at"] !== undefined &&
      input.before_ticks === undefined &&
      input.before_last_build === undefined
    ) {
      expect(asGiven.next_start_at).toEqual(instant(input.workspace["next_start_at"] as string))
    }
    for (const step of expected.steps) await playStep(scene, step, input.executors ?? 1)
    if (expected.deadline !== undefined) {
      expect((await buildsOf(workspaceId)).at(-1).deadline).toEqual(instant(expected.deadline))
    }
    if (expected.notifications !== undefined) await expectNotices(scene, expected.notifications)
    if (expected.template_values !== undefined) {
      const { body } = await api(`/api/v2/templates/${world.template.id}`, {
        token: world.owner.token,
      })
      expect(body).toMatchObject(expected.template_values)
    }
    await happen(expected.then, scene)
  })
})
