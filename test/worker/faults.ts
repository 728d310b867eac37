// A network that loses messages between the Worker and its database.
//
// It loses the request before it arrives, or the answer after the statement has committed. The
// driver and everything above it are those of production.
import { neonConfig } from "@neondatabase/serverless"

export type Fault = "request_lost" | "answer_lost"

/** Which fault a round trip meets. `text`: its statements; `call`: its number, from 1. */
export type Faults = (text: string, call: number) => Fault | null

/** Runs `work` over such a network. Returns how many round trips there were and what it threw. */
export async function withFaults(
  faults: Faults,
  run: () => Promise<unknown>,
): Promise<{ calls: number; error: unknown }> {
  const send = neonConfig.fetchFunction
  let calls = 0
  neonConfig.fetchFunction = async (url: string, init: RequestInit): Promise<Response> => {
    calls += 1
    const fault = faults(typeof init.body === "string" ? init.body : "", calls)
    if (fault === "request_lost") throw new TypeError("the network lost the request")
    const response: Response = await send(url, init)
    if (fault === null) return response
    await response.arrayBuffer()
    throw new TypeError("the network lost the answer")
  }
  try {
    await run()
    return { calls, error: null }
  } catch (error) {
    return { calls, error }
  } finally {
    neonConfig.fetchFunction = send
  }
}
