// Retention goes by the server's time: rows that a client has dated in the future do not stop it.
import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { openDatabase } from "../../../src/platform/db/client.ts"
import { retentionMs } from "../../../src/retention/periods.ts"
import { retentionSweep } from "../../../src/retention/sweep.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { epoch, query } from "../harness.ts"

const run = () =>
  retentionSweep.run({
    env,
    db: openDatabase(env),
    now: epoch,
    startedAt: epoch,
    source: "cron",
    made: [],
    waitUntil: () => undefined,
  })

test("five thousand lines of the year 9999 do not stop the purge of all other logs", async () => {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user))
  const agent = await givenAgent(workspace, workspace.build)
  const insert = (count: number, at: Date) =>
    query(
      `insert into workspace_agent_logs (agent_id, log_source_id, created_at, level, output)
       select $1, gen_random_uuid(), $2, 'info', '' from generate_series(1, $3)`,
      [agent.id, at, count],
    )
  await insert(5_000, new Date("9999-01-01T00:00:00Z"))
  await insert(10, new Date(epoch.getTime() - retentionMs.workspace_agent_logs - 1))
  await insert(1, epoch)
  await run()
  await run()
  const left = await query("select created_at from workspace_agent_logs where agent_id = $1", [
    agent.id,
  ])
  expect(left.map((row) => new Date(row.created_at))).toEqual([epoch])
})
