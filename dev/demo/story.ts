// Output of the demo: a line per event, at its instant, with what the demo waits for and expects.
//
// An event that does not happen ends the demo.
import { setTimeout as sleep } from "node:timers/promises"

export class DidNotHappen extends Error {}

export type Story = {
  chapter: (title: string) => void
  tell: (text: string) => void
  /** Reads until `holds`; throws what was read last if it never holds. */
  until: <T>(what: string, read: () => Promise<T>, holds: (value: T) => boolean) => Promise<T>
  expect: (what: string, holds: boolean) => void
}

const waitMsMax = 60_000
const pollMs = 60

export function createStory(now: () => Date, print: (line: string) => void): Story {
  const stamp = () => {
    const at = now()
    const day = at.toLocaleDateString("en-GB", { weekday: "short", timeZone: "UTC" })
    return `${day} ${at.toISOString().slice(11, 16)}`
  }
  return {
    chapter: (title) => print(`\n${title}`),
    tell: (text) => print(`  ${stamp()}  ${text}`),
    until: async (what, read, holds) => {
      const untilMs = performance.now() + waitMsMax
      for (;;) {
        const value = await read()
        if (holds(value)) return value
        if (performance.now() > untilMs)
          throw new DidNotHappen(`${what}: did not happen within ${waitMsMax / 1000} s`)
        await sleep(pollMs)
      }
    },
    expect: (what, holds) => {
      if (!holds) throw new DidNotHappen(`${what}: is not so`)
    },
  }
}
