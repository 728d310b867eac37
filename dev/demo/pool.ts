// The demo's pool of ready workspaces, as an administrator sees it over the public API.
//
// It fills, is claimed from, and fills again.
import type { ApiClient } from "../local/api-client.ts"
import type { DemoClock } from "./clock.ts"
import type { Workspace } from "./observer.ts"
import type { Story } from "./story.ts"

const minuteMs = 60_000

type PoolState = {
  preset_id: string
  preset_name: string
  desired: number
  eligible: number
  hits: number
}

export type Pool = {
  read: () => Promise<PoolState>
  /** Whether a workspace was ready when the pool was last full. */
  heldReady: (id: string) => boolean
  /** Runs ticks until the pool is full, after `hits` claims. */
  refills: (hits: number) => Promise<void>
  /** A prebuild has no deadline and never becomes dormant. */
  isUntouched: () => Promise<void>
}

export function watchPool(
  admin: ApiClient,
  templateId: string,
  clock: DemoClock,
  story: Story,
): Pool {
  let ready: string[] = []
  const read = async (): Promise<PoolState> => {
    const { pools } = await admin.call("GET", `/templates/${templateId}/prebuilds`)
    return pools[0]
  }
  const waiting = async (): Promise<Workspace[]> =>
    (await admin.call("GET", "/workspaces?q=owner:prebuilds")).workspaces
  return {
    read,
    heldReady: (id) => ready.includes(id),
    refills: async (hits) => {
      await clock.advanceTo(new Date(Math.ceil(clock.now().getTime() / minuteMs) * minuteMs))
      const pool = await story.until(
        "the pool is full",
        read,
        (state) => state.eligible === state.desired && state.hits === hits,
      )
      ready = (await waiting()).map(({ id }) => id)
      story.tell(
        `the pool "${pool.preset_name}": ${pool.eligible} of ${pool.desired} ready,
          ${pool.hits} claimed so far`,
      )
    },
    isUntouched: async () => {
      const found = await waiting()
      const isStill = ({ id, latest_build: { build_number, deadline } }: Workspace) =>
        ready.includes(id) && build_number === 1 && deadline === null
      story.expect(
        "what waits in the pool is left alone",
        found.length === ready.length && found.every(isStill),
      )
      story.tell("the pool: what waits in it stood ready all the time, with no deadline")
    },
  }
}
