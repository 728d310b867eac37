// What every request carries besides its bindings.
import type { Caller } from "../../access/caller.ts"
import type { Session } from "../../access/session.ts"
import type { Actor, AgentActor, ProvisionerActor } from "../../access/actors.ts"
import type { Database } from "../db/client.ts"
import type { WideEvent } from "../event.ts"

export type AppEnv = {
  Bindings: Env
  Variables: {
    /** The instant of the request, from the clock; the only time that its handler knows. */
    now: Date
    requestId: string
    db: Database
    /** The user credential that was presented, verified by its first statement. */
    caller: Caller
    /** Proves the credential that the route takes; throws its 401. Nothing on a public route. */
    authenticate: () => Promise<Actor | undefined>
    /** The agent token that was presented; only on agent routes. */
    agent: Session<AgentActor>
    /** The provisioner key that was presented; only on daemon routes. */
    provisioner: Session<ProvisionerActor>
    /** The request's one log line, built up on the way. */
    event: WideEvent
  }
}
