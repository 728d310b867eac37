// The bindings and variables of every request.
import type { Database } from "../db/client.ts"
import type { WideEvent } from "../event.ts"

/** `access/caller.ts` adds the credentials: the platform does not import the rooms above it. */
// oxlint-disable-next-line typescript/consistent-type-definitions -- rooms augment it
export interface RequestVariables {
  /** The instant of the request, from the clock; handlers read no other time. */
  now: Date
  requestId: string
  db: Database
  /** The request's one log line, completed while the request is handled. */
  event: WideEvent
}

export type AppEnv = { Bindings: Env; Variables: RequestVariables }
