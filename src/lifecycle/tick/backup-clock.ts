// The second clock: the platform's cron may be late or stop silently, so an object's alarm ticks when it has been silent for
// three minutes. Each cron tick puts the alarm off; a tick does everything that is due, so both at once do no harm.
import { DurableObject } from "cloudflare:workers"
import { type Clock, platformClock, truncateToMinute } from "../../clock.ts"
import { messageOf, writeEvent } from "../../platform/event.ts"

export const silenceMsMax = 180_000
/** While the cron stays silent, this clock ticks as often as it should. */
const tickMs = 60_000

export const backupClockName = "lifecycle"

export abstract class SecondClock extends DurableObject<Env> {
  protected clock: Clock = platformClock

  /** Runs every sweep at the minute. */
  protected abstract tick(now: Date, startedAt: Date): Promise<unknown>

  /** The cron ticked: the alarm is due only after three minutes without another. */
  async heard(): Promise<void> {
    await this.ctx.storage.setAlarm(platformClock().getTime() + silenceMsMax)
  }

  // Armed again first, and never throws: an alarm that throws is retried six times and then forgotten.
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
