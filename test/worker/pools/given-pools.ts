// What the pool tests share.
//
// Templates with a pool, prebuilds in any state, one reconcile, a daemon that ends builds.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { env } from "cloudflare:workers"
import { connect, type Database } from "../../../src/platform/db/client.ts"
import { reconcilePools } from "../../../src/pools/reconcile.ts"
import { type PoolSnapshot, poolOfRow, readPools } from "../../../src/pools/read-pools.ts"
import { givenUser } from "../given-people.ts"
import { givenPreset, givenTemplate, givenVersion, type GivenTemplate } from "../given-templates.ts"
import { type BuildOptions, givenAgent, givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { query } from "../harness.ts"
import { together, writeAll, type Row } from "../rows.ts"

export type GivenPool = { template: GivenTemplate; presetId: string; presetName: string }

export const database = (): Database => connect(env.DATABASE_URL)

export const reconcile = (now: Date) => reconcilePools(database(), now)

type PoolOptions = {
  preset?: Row
  template?: Row
  parameters?: Row[]
  values?: Record<string, string>
}

/** A template whose active version has one preset with a pool. */
export function givenPool(
  desiredInstances: number | null,
  options: PoolOptions = {},
): Promise<GivenPool> {
  return together(() => makePool(desiredInstances, options))
}

async function makePool(desiredInstances: number | null, options: PoolOptions): Promise<GivenPool> {
  const creator = await givenUser()
  const template = await givenTemplate(creator, {
    ...(options.parameters ? { parameters: options.parameters } : {}),
    ...(options.template ? { columns: options.template } : {}),
  })
  const preset = await givenPreset(template.version.id, {
    parameters: options.values ?? {},
    columns: { desired_instances: desiredInstances, ...options.preset },
  })
  return { template, presetId: preset.id, presetName: preset.name }
}

export type PrebuildOptions = BuildOptions & {
  agents?: string[]
  initiatorId?: string
  ownerId?: string
  workspace?: Row
}

/**
 * A workspace of the pool whose first build has the given transition and status, with agents in the
 * given states.
 */
export const givenPrebuild = (pool: GivenPool, options: PrebuildOptions = {}) =>
  together(() => makePrebuild(pool, options))

async function makePrebuild(pool: GivenPool, options: PrebuildOptions) {
  const initiatorId = options.initiatorId ?? prebuildsUserId
  const { agents = [], at, transition = "start" } = options
  const workspace = await givenWorkspace(
    { id: options.ownerId ?? prebuildsUserId },
    pool.template,
    {
      columns: { ...(at ? { created_at: at } : {}), ...options.workspace },
      build: {
        ...options,
        columns: {
          initiator_id: initiatorId,
          ...(transition === "delete" ? {} : { template_version_preset_id: pool.presetId }),
          ...options.columns,
        },
        job: { initiator_id: initiatorId, input: { prebuilt_workspace_stage: 1 }, ...options.job },
      },
    },
  )
  for (const [index, state] of agents.entries()) {
    await givenAgent(workspace, workspace.build, {
      columns: { name: `agent-${index}`, lifecycle_state: state },
    })
  }
  return workspace
}

/**
 * Makes a new version of the template active; the pools of the old version are inactive from then
 * on.
 */
export async function givenNewVersion(pool: GivenPool): Promise<string> {
  const creator = await givenUser()
  const version = await givenVersion(creator, { columns: { template_id: pool.template.id } })
  await query("update templates set active_version_id = $1 where id = $2", [
    version.id,
    pool.template.id,
  ])
  return version.id
}

/** The pool as the snapshot reads it, or undefined when it says nothing about it. */
export async function readPool(pool: GivenPool, now: Date): Promise<PoolSnapshot | undefined> {
  const rows = await database().all(readPools(now))
  return rows.map(poolOfRow).find(({ presetId }) => presetId === pool.presetId)
}

/** Live workspaces of the pool's template that the prebuilds user owns, oldest first. */
export function prebuildsOf(pool: GivenPool) {
  return query(
    `select w.* from workspaces w where w.template_id = $1 and w.owner_id = $2 and not w.deleted
     order by w.created_at, w.id`,
    [pool.template.id, prebuildsUserId],
  )
}

/**
 * Ends every pending build of the template as a daemon would: starts get a ready agent, deletes end
 * the workspace.
 */
export async function finishBuilds(
  pool: GivenPool,
  now: Date,
  outcome: "succeeded" | "failed" = "succeeded",
) {
  const builds = await query(
    `select b.id, b.job_id, b.initiator_id, b.transition, b.build_number, b.workspace_id
      from workspace_builds b
     join provisioner_jobs j on j.id = b.job_id join workspaces w on w.id = b.workspace_id
     where w.template_id = $1 and j.job_status = 'pending'`,
    [pool.template.id],
  )
  await together(async () => {
    for (const build of builds) await finish(pool, build, now, outcome)
  })
  return builds
}

type PendingBuild = {
  id: string
  job_id: string
  transition: string
  build_number: number
  workspace_id: string
}

async function finish(
  pool: GivenPool,
  build: PendingBuild,
  now: Date,
  outcome: "succeeded" | "failed",
): Promise<void> {
  await writeAll({
    text: `update provisioner_jobs
      set started_at = $2, completed_at = $2, updated_at = $2, error = $3 where id = $1`,
    params: [build.job_id, now, outcome === "failed" ? "it failed" : null],
  })
  if (outcome === "failed") return
  if (build.transition === "delete") {
    await writeAll({
      text: "update workspaces set deleted = true where id = $1",
      params: [build.workspace_id],
    })
    return
  }
  await writeAll({
    text: "update workspace_agents set deleted = true where workspace_id = $1",
    params: [build.workspace_id],
  })
  await givenAgent(
    {
      id: build.workspace_id,
      name: "",
      ownerId: prebuildsUserId,
      organizationId: pool.template.organizationId,
      template: pool.template,
    },
    { id: build.id, jobId: build.job_id, number: build.build_number },
  )
}

export { givenBuild }
