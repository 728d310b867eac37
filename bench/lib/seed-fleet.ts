// A population for the list's bench: half of the workspaces run, each with a resource, two agents
// and an app.
import type { Client } from "pg"
import { bulkEpoch, seedMany, type Population } from "./seed-workspaces.ts"

/**
 * Adds `count` workspaces, numbered from `from`. Triggers are off, so their copies are written
 * here.
 */
export async function seedFleet(
  client: Client,
  population: Population,
  range: { from: number; count: number },
): Promise<void> {
  const deadline = new Date(bulkEpoch.getTime() + 8 * 3_600_000)
  await seedMany(client, population, range, deadline)
  const params = [range.from, range.from + range.count - 1]
  const numbers = "generate_series($1::int, $2::int) n"
  await client.query("set session_replication_role = replica")
  await client.query(
    `update workspace_builds b set transition = 'stop', deadline = null
     from ${numbers} where b.id = md5('b' || n)::uuid and n % 2 = 1`,
    params,
  )
  await client.query(
    `update workspaces w set owner_name = u.username, latest_transition = case when n % 2 = 1
      then 'stop' else 'start' end
     from ${numbers}, users u where w.id = md5('w' || n)::uuid and u.id = w.owner_id`,
    params,
  )
  await client.query(
    `insert into workspace_resources (id, job_id, transition, type, name, created_at)
     select md5('r' || n)::uuid, md5('d' || n)::uuid, 'start', 'docker_container', 'main', $3
       from ${numbers}`,
    [...params, bulkEpoch],
  )
  await client.query(
    `insert into workspace_agents (id, resource_id, workspace_id, build_id, name, lifecycle_state,
      first_connected_at,
       last_connected_at, created_at, updated_at)
     select md5(a || 'g' || n)::uuid, md5('r' || n)::uuid, md5('w' || n)::uuid, md5('b' || n)::uuid,
       'agent-' || a, 'ready', $3, $3, $3, $3
     from ${numbers}, generate_series(1, 2) a where n % 2 = 0`,
    [...params, bulkEpoch],
  )
  await client.query(
    `insert into workspace_apps (id, agent_id, slug, created_at)
     select md5('p' || n)::uuid, md5('1g' || n)::uuid, 'code', $3 from ${numbers} where n % 2 = 0`,
    [...params, bulkEpoch],
  )
  await client.query("set session_replication_role = origin")
  await client.query(
    "vacuum (full, analyze) workspaces, workspace_builds, workspace_resources, workspace_agents, workspace_apps",
  )
  await client.query("vacuum (analyze) workspaces")
}
