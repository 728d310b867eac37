// The Worker on a clock: the handlers that the platform calls, each minute and for each request.
import { createApp } from "./app.ts"
import { followUpSweep } from "./builds/follow-up.ts"
import { truncateToMinute, type Clock } from "./clock.ts"
import { backupClockName } from "./lifecycle/tick/backup-clock.ts"
import { agentReviewSweep } from "./agents/hub/review-sweep.ts"
import { metricsSweep, rollupSweep } from "./insights/rollups/sweeps.ts"
import { retentionSweep } from "./retention/sweep.ts"
import { notifySweep } from "./queue/notify/daemons.ts"
import { lifecycleSweep } from "./lifecycle/tick/tick.ts"
import { notificationsSweep } from "./notifications/sweep.ts"
import { prebuildsSweep } from "./pools/sweep.ts"
import { reaperSweep } from "./queue/jobs/reap.ts"
import { templateChangesSweep } from "./templates/policy/follow-schedule-change.ts"
import { runSweeps, type Sweep } from "./sweeps.ts"

/**
 * In this order: jobs that went silent are reaped, the rules run, then the pools. Daemons are then
 * notified of the new jobs, and people of what happened.
 */
export const sweeps: readonly Sweep[] = [
  reaperSweep,
  followUpSweep,
  templateChangesSweep,
  lifecycleSweep,
  prebuildsSweep,
  notifySweep,
  notificationsSweep,
  agentReviewSweep,
  rollupSweep,
  metricsSweep,
  retentionSweep,
]

export function createWorker(clock: Clock) {
  const app = createApp(clock)
  return {
    fetch: (request, env, ctx) => app.fetch(request, env, ctx),
    async scheduled(controller, env, ctx) {
      ctx.waitUntil(env.BACKUP_CLOCK.getByName(backupClockName).postpone())
      await runSweeps(sweeps, {
        env,
        now: truncateToMinute(new Date(controller.scheduledTime)),
        startedAt: clock(),
        source: "cron",
        waitUntil: (work) => ctx.waitUntil(work),
      })
    },
  } satisfies ExportedHandler<Env>
}
