// The production entry: the Worker on the platform's clock, and its Durable Objects.
import { platformClock } from "./clock.ts"
import { SecondClock } from "./lifecycle/tick/backup-clock.ts"
import { runSweeps } from "./sweeps.ts"
import { createWorker, sweeps } from "./worker.ts"

export { AgentHub } from "./agents/hub/hub.ts"
export { PortRelay } from "./agents/forward/relay.ts"
export { JobBoard } from "./queue/notify/board.ts"
export { UsageTracker } from "./usage/tracker/tracker.ts"
export { WorkspaceFeed } from "./feed/feed.ts"

/** Ticks when the cron is silent, with the same sweeps. */
export class BackupClock extends SecondClock {
  protected override tick(now: Date, startedAt: Date) {
    const waitUntil = (work: Promise<unknown>) => this.ctx.waitUntil(work)
    return runSweeps(sweeps, { env: this.env, now, startedAt, source: "backup", waitUntil })
  }
}

export default createWorker(platformClock)
