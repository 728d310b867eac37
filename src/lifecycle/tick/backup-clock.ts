// The second clock: an object's alarm that ticks when the platform's cron has been silent.
//
// The cron may be late or stop without a sign. Each cron tick postpones the alarm by three
// minutes. A tick does everything that is due, so both clocks at once do no harm.
import { DurableObject } from "cloudflare:workers"
import { type Clock, platformClock, truncateToMinute } from "../../clock.ts"
import { messageOf, writeEvent } from "../../platform/event.ts"

export const silenceMsMax = 180_000
/** While the cron is silent, this clock ticks at the cron's interval. */
const tickMs = 60_000

export const backupClockName = "lifecycle"

export abstract class SecondClock extends DurableObject<Env> {
  protected clock: Clock = platformClock

  /** Runs every sweep at the minute. */
  protected abstract tick(now: Date, startedAt: Date): Promise<unknown>

  /** The cron ticked: postpones the alarm by three minutes. */
  async postpone(): Promise<void> {
    await this.ctx.storage.setAlarm(platformClock().getTime() + silenceMsMax)
  }

  // Sets the next alarm first and never throws: an alarm that throws is retried six times and then
  // dropped.
  override async alarm(): Promise<void> {
    await this.ctx.storage.setAlarm(platformClock().getTime() + tickMs)
    const startedAt = this.clock()
    try {
      await this.tick(truncateToMinute(startedAt), startedAt)
    } catch (error) {
      writeEvent({
        event: "backup_tick_failed",
        outcome: "error",
        error: messageOf(error),
      })
    }
  }
}
