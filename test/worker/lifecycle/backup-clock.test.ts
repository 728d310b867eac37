// The second clock: it ticks when the cron is silent, and not before.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { backupClockName, silenceMsMax } from "../../../src/lifecycle/tick/backup-clock.ts"
import { givenProvisioner, givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, at, epoch, query, tick } from "../harness.ts"

const clock = () => env.BACKUP_CLOCK.getByName(backupClockName)
const alarmInMs = () =>
  runInDurableObject(
    clock(),
    async (_, state) => ((await state.storage.getAlarm()) ?? 0) - Date.now(),
  )

test("a cron tick postpones the alarm by three minutes", async () => {
  await tick(epoch)
  expect(await alarmInMs()).toBeGreaterThan(silenceMsMax - 30_000)
  expect(await alarmInMs()).toBeLessThanOrEqual(silenceMsMax)
})

test("a silent cron makes the alarm tick each minute", async () => {
  await givenProvisioner({ columns: { last_seen_at: afterEpoch(600_000) } })
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user), {
    build: { columns: { deadline: afterEpoch(60_000) } },
  })
  at(afterEpoch(600_123))
  expect(await runDurableObjectAlarm(clock())).toBe(true)
  const [row] = await query("select latest_transition from workspaces where id = $1", [
    workspace.id,
  ])
  expect(row.latest_transition).toBe("stop")
  const ticks = await query(
    "select tick_at, lag_ms::int from lifecycle_ticks where source = 'backup'",
  )
  expect(ticks).toEqual([{ tick_at: afterEpoch(600_000), lag_ms: 123 }])
  expect(await alarmInMs()).toBeLessThanOrEqual(60_000)
})
