// The event stream of an agent that waits for a claim.
//
// The Worker holds the stream and waits for frames on a socket of the workspace's hub. The hub
// hibernates, so a pool of thousands of waiting agents keeps no object in memory.
import type { Context } from "hono"
import type { AppEnv } from "../../platform/http/env.ts"
import { eventStream, eventText } from "../../platform/http/event-stream.ts"
import { isClaimed, type ReinitFacts } from "./rule.ts"

const pingMs = 15_000
/** A hint may be lost, so the database is also asked after this many pings. */
const pingsPerLook = 3
/** After an hour the stream ends and the agent connects again; nothing is lost. */
const pingsMax = 240

type ClaimWatch = {
  facts: ReinitFacts
  /** The claim has already happened, so the agent is notified at once. */
  isClaimPast: boolean
  /** A message means that the workspace's latest build is another one or has ended. */
  hints: WebSocket
  read: () => Promise<ReinitFacts | undefined>
}

export function claimEvents(c: Context<AppEnv>, watch: ClaimWatch): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  c.executionCtx.waitUntil(streamEvents(writable.getWriter(), watch))
  return eventStream(readable)
}

async function streamEvents(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  watch: ClaimWatch,
): Promise<void> {
  const encoder = new TextEncoder()
  try {
    await writeEvents((text) => writer.write(encoder.encode(text)), watch)
  } catch {
    // The agent is gone or the database did not answer: the agent connects again.
  } finally {
    watch.hints.close(1000)
    await writer.close().catch(() => {})
  }
}

/** Returns when the hub's socket closes, the token is no longer good, or the time is over. */
async function writeEvents(
  write: (text: string) => Promise<void>,
  { facts, isClaimPast, hints, read }: ClaimWatch,
): Promise<void> {
  const notify = ({ workspace_id, owner_id }: ReinitFacts) =>
    write(eventText("data", { workspace_id, reason: "prebuild_claimed", owner_id }))
  const next = nextSignalOf(hints)
  await write(eventText("ping"))
  if (isClaimPast) await notify(facts)
  let wasClaimed = isClaimed(facts)
  for (let pings = 0; pings < pingsMax;) {
    const signal = await next(pingMs)
    if (signal === "closed") return
    if (signal === "timeout") {
      pings += 1
      await write(eventText("ping"))
      if (pings % pingsPerLook !== 0) continue
    }
    const now = await read()
    if (now === undefined) return
    if (isClaimed(now) && !wasClaimed) await notify(now)
    wasClaimed = isClaimed(now)
    if (!now.may_hold) return
  }
}

/** Returns a function that waits for the socket's next message. One that comes earlier is kept. */
function nextSignalOf(socket: WebSocket) {
  let pending: "hint" | "closed" | null = null
  let wake = new AbortController()
  const signal = (received: "hint" | "closed") => {
    if (pending !== "closed") pending = received
    wake.abort()
  }
  socket.addEventListener("message", () => signal("hint"))
  socket.addEventListener("close", () => signal("closed"))
  socket.addEventListener("error", () => signal("closed"))
  return async (ms: number): Promise<"hint" | "closed" | "timeout"> => {
    if (pending === null) await scheduler.wait(ms, { signal: wake.signal }).catch(() => undefined)
    const received = pending ?? "timeout"
    if (pending === "hint") pending = null
    wake = new AbortController()
    return received
  }
}
