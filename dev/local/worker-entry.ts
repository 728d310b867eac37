// The Worker as the local system and the tests run it: production code on a clock that can be set.
//
// It serves the same requests as production. The clock moves over a binding that only the runner
// holds.
import { neonConfig } from "@neondatabase/serverless"
import { DurableObject, env } from "cloudflare:workers"
import * as production from "../../src/index.ts"
import { createWorker } from "../../src/worker.ts"
import { localClock, shiftLocalClock } from "./clock.ts"
import { withLocalClock } from "./object.ts"

export class UsageTracker extends withLocalClock(production.UsageTracker) {}
export class WorkspaceFeed extends withLocalClock(production.WorkspaceFeed) {}
export class JobBoard extends withLocalClock(production.JobBoard) {}
export class AgentHub extends withLocalClock(production.AgentHub) {}
export class PortRelay extends withLocalClock(production.PortRelay) {}
export class BackupClock extends withLocalClock(production.BackupClock) {}

/** Moves the clock: an object of this Worker runs in the same isolate as its handlers. */
export class LocalControl extends DurableObject {
  shiftClock(aheadMs: number): void {
    shiftLocalClock(aheadMs)
  }
}

// Address of the Neon endpoint, if the runner started one. A Neon database is reached as in
// production.
const endpoint: unknown = Reflect.get(env, "NEON_ENDPOINT")
if (typeof endpoint === "string") neonConfig.fetchEndpoint = endpoint

const local = createWorker(localClock)

const worker: Required<Pick<ExportedHandler<Env>, "fetch" | "scheduled">> = {
  scheduled: (controller, env, ctx) => local.scheduled(controller, env, ctx),
  // Answers carry the local clock's date, as the platform dates its own. Daemons and agents read
  // the time from it.
  fetch: async (request, env, ctx) => {
    const answer = await local.fetch(request, env, ctx)
    if (answer.webSocket !== null) return answer
    const response = new Response(answer.body, answer)
    response.headers.set("Date", localClock().toUTCString())
    return response
  },
}

export default worker
