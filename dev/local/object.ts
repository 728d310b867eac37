// What the local Worker adds to each Durable Object: the local clock, and an alarm that can be
// fired.
import type { DurableObject } from "cloudflare:workers"
import { localClock } from "./clock.ts"

// oxlint-disable-next-line typescript/no-explicit-any -- TypeScript asks this shape of a mixin's constructor
type ObjectClass = new (...parameters: any[]) => DurableObject<Env>

/** The same object on the local clock. Tests and the demo fire alarms instead of waiting. */
export function withLocalClock<Class extends ObjectClass>(Base: Class) {
  return class extends Base {
    // oxlint-disable-next-line typescript/no-explicit-any -- as above
    constructor(...parameters: any[]) {
      super(...parameters)
      Object.assign(this, { clock: localClock })
    }

    /** Runs the alarm if it is set for `untilMs` or before. Returns whether it ran. */
    async fireAlarm(untilMs: number): Promise<boolean> {
      const alarmAtMs = await this.ctx.storage.getAlarm()
      if (alarmAtMs === null || alarmAtMs > untilMs) return false
      await this.ctx.storage.deleteAlarm()
      await this.alarm?.({ isRetry: false, retryCount: 0, scheduledTime: alarmAtMs })
      return true
    }
  }
}
