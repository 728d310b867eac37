// The order of the queue: people first, then what the pools give back, then what they make.
import { expect, test } from "vitest"
import { api, query } from "../harness.ts"
import { givenPreset } from "../given-templates.ts"
import { givenPrebuild, reconcile } from "./given-pools.ts"
import { failJob, givenWorld, runJob, takeJob, type World } from "./given-world.ts"

const startedAt = new Date("2026-03-04T09:00:00Z")
const after = (minutes: number) => new Date(startedAt.getTime() + minutes * 60_000)

const createByHand = async (world: World, name: string) => {
  const answer = await api("/api/v2/users/me/workspaces", {
    token: world.owner.token,
    body: { name, template_id: world.template.id },
  })
  expect(answer.status).toBe(201)
}
const queued = async (world: World) => {
  const [row] = await query(
    "select count(*)::int as count from provisioner_jobs where organization_id = $1 and job_status = 'pending'",
    [world.template.organizationId],
  )
  return row.count
}

test("failing prebuilds delay a person's build by at most the running job", async () => {
  // A second preset of the template floods; the person's workspace is made without any.
  const world = await givenWorld({}, null)
  await givenPreset(world.template.version.id, {
    parameters: { flavour: "x" },
    columns: { desired_instances: 500 },
  })
  let minutes = 0
  for (let round = 0; round < 4; round++) {
    minutes += 61
    await query(
      "update workspaces set deleted = true where template_id = $1 and latest_job_status = 'failed'",
      [world.template.id],
    )
    await reconcile(after(minutes))
    expect(await queued(world)).toBe(25)
    // The only daemon is at work on the pool's behalf when the person comes.
    const running = await takeJob(world, after(minutes))
    expect(running.initiator.username).toBe("prebuilds")
    await createByHand(world, `by-hand-${round}`)
    await failJob(world, running, "no capacity")
    const next = await runJob(world, after(minutes))
    expect(next.build.workspace.name).toBe(`by-hand-${round}`)
    for (
      let job = await takeJob(world, after(minutes));
      job !== null;
      job = await takeJob(world, after(minutes))
    ) {
      await failJob(world, job, "no capacity")
    }
    const { counts } = await reconcile(after(minutes))
    expect(counts.created).toBe(0)
  }
})

test("people's jobs come first, then a pool's deletes, then its creates", async () => {
  const world = await givenWorld({}, 2)
  await reconcile(startedAt)
  const small = await givenPreset(world.template.version.id, { columns: { desired_instances: 0 } })
  const surplus = await givenPrebuild(
    { template: world.template, presetId: small.id, presetName: small.name },
    { at: startedAt, agents: ["ready"] },
  )
  await reconcile(after(1))
  await createByHand(world, "by-hand")
  const order = []
  for (let job = await runJob(world, after(2)); job !== null; job = await runJob(world, after(2))) {
    order.push([job.initiator.username === "prebuilds", job.build.transition])
    if (job.build.transition === "delete") expect(job.build.workspace.id).toBe(surplus.id)
  }
  expect(order).toEqual([
    [false, "start"],
    [true, "delete"],
    [true, "start"],
    [true, "start"],
  ])
})

test("two templates of one organization share the queue", async () => {
  const world = await givenWorld({}, 40)
  const other = await givenWorld({}, 40)
  await query("update templates set organization_id = $2 where id = $1", [
    other.template.id,
    world.template.organizationId,
  ])
  await reconcile(startedAt)
  const rows = await query(
    `select template_id, count(*)::int as count from workspaces where template_id = any($1)
      group by template_id`,
    [[world.template.id, other.template.id]],
  )
  expect(rows.map(({ count }) => count)).toEqual([25, 25])
})
