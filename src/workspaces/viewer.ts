// The viewer of a workspace in a request.
import type { Context } from "hono"
import type { AppEnv } from "../platform/http/env.ts"
import { allowRenames, type Viewer } from "./view.ts"

/** Costs no round trip after the caller's first query. */
export async function viewerOf(c: Context<AppEnv>): Promise<Viewer> {
  return { userId: (await c.get("caller").actor()).id, allowRenames: allowRenames(c.env) }
}
