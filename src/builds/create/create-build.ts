// Asking for a build over HTTP or as the follow-up of another: read, plan, write, and once more where something moved between.
import type { SQL } from "drizzle-orm"
import type { AuditRequest } from "../../audit/fragment.ts"
import type { Database } from "../../platform/db/client.ts"
import { conflict } from "../../platform/http/errors.ts"
import { buildContext } from "./context.ts"
import type { BuildRequest } from "./request.ts"
import { buildById } from "../statements.ts"
import { type CreatedBuild, createBuild, endOrphan } from "./statement.ts"
import { planBuild } from "./plan.ts"
import { type BuildView, toBuildView } from "../view.ts"

/** Each try after the first reads again, and with that finds the reason of a refusal. */
const triesMax = 3

export type Asker = {
  /** A session of the caller, or the database itself for the system. */
  session: Pick<Database, "batch">
  initiator: SQL
  isSystem: boolean
  /** The build must follow this one. */
  after?: number
}

export type AskedBuild = { view: BuildView; created: CreatedBuild }

/** Two round trips. Throws the refusals of api.md 2.7. */
export async function askForBuild(
  asker: Asker,
  workspaceId: string,
  body: BuildRequest,
  request: AuditRequest,
): Promise<AskedBuild> {
  const { now } = request
  const { isSystem } = asker
  for (let tries = 1; tries <= triesMax; tries++) {
    const [[context]] = await asker.session.batch([
      buildContext(workspaceId, body.template_version_id, isSystem),
    ])
    if (asker.after !== undefined && context?.latest_build_number !== asker.after) break
    const plan = planBuild(context, body)
    const ids = { buildId: crypto.randomUUID(), jobId: crypto.randomUUID() }
    const create = createBuild(plan, ids, asker.initiator, request, isSystem)
    const read = buildById(ids.buildId, now, isSystem)
    const [[created], [row]] = plan.isOrphan
      ? await asker.session
          .batch([create, endOrphan(ids.jobId, request), read])
          .then(([a, , b]) => [a, b] as const)
      : await asker.session.batch([create, read])
    if (created && row) return { view: toBuildView(row.build), created }
  }
  throw conflict("insert workspace build")
}
