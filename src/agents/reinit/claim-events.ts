// The stream of an agent that waits for a claim. The Worker holds it and sleeps on a socket of the workspace's hub, which
// hibernates meanwhile: a pool of thousands of waiting agents keeps no object in memory.
import type { Context } from "hono"
import type { AppEnv } from "../../platform/http/env.ts"
import { eventStream } from "../../platform/http/event-stream.ts"
import { isClaimed, type ReinitFacts } from "./rule.ts"

const pingMs = 15_000
/** A hint may be lost: so often the database is asked anyway. */
const pingsPerLook = 4
/** An hour: then the agent connects again, and nothing is lost. */
const pingsMax = 240

export type ClaimWatch = {
  facts: ReinitFacts
  /** The claim has been, and the agent is to hear of it at once. */
  isTold: boolean
  /** Any message says that the workspace's latest build is another one, or has ended. */
  hints: WebSocket
  read: () => Promise<ReinitFacts | undefined>
}

export function claimEvents(
  c: Context<AppEnv>,
  { facts, isTold, hints, read }: ClaimWatch,
): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const encoder = new TextEncoder()
  const write = (text: string) => writer.write(encoder.encode(text))
  const tell = ({ workspace_id, owner_id }: ReinitFacts) =>
    write(
      `event: data\ndata: ${JSON.stringify({ workspace_id, reason: "prebuild_claimed", owner_id })}\n\n`,
    )
  const bell = bellOf(hints)

  const stream = async () => {
    try {
      await write("event: ping\n\n")
      if (isTold) await tell(facts)
      let wasClaimed = isClaimed(facts)
      for (let pings = 0; pings < pingsMax;) {
        const sound = await bell.within(pingMs)
        if (sound === "gone") return
        if (sound === "silence") {
          pings += 1
          await write("event: ping\n\n")
          if (pings % pingsPerLook !== 0) continue
        }
        const now = await read()
        if (now === undefined) return
        if (isClaimed(now) && !wasClaimed) await tell(now)
        wasClaimed = isClaimed(now)
        if (!now.may_hold) return
      }
    } catch {
      // The agent went away, or the database did: it connects again.
    } finally {
      hints.close(1000)
      await writer.close().catch(() => {})
    }
  }
  c.executionCtx.waitUntil(stream())
  return eventStream(readable)
}

/** Turns a socket into something to wait at. A message that comes while nobody waits is kept. */
function bellOf(socket: WebSocket) {
  let heard: "hint" | "gone" | null = null
  let wake = new AbortController()
  const ring = (sound: "hint" | "gone") => {
    if (heard !== "gone") heard = sound
    wake.abort()
  }
  socket.addEventListener("message", () => ring("hint"))
  socket.addEventListener("close", () => ring("gone"))
  socket.addEventListener("error", () => ring("gone"))
  return {
    async within(ms: number): Promise<"hint" | "gone" | "silence"> {
      if (heard === null) await scheduler.wait(ms, { signal: wake.signal }).catch(() => undefined)
      const sound = heard ?? "silence"
      if (heard === "hint") heard = null
      wake = new AbortController()
      return sound
    },
  }
}
