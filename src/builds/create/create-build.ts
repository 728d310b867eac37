// Creating a build over HTTP or as the follow-up of another: read, plan, write.
//
// It reads again if the workspace changed between the reading and the writing.
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

/** A try after the first reads again, so it finds the reason if the build is refused. */
const triesMax = 3

/** In whose name a build is created. */
export type Requester = {
  /** The caller's authenticated database, or the database itself for the system. */
  session: Pick<Database, "batch">
  initiator: SQL
  isSystem: boolean
  /** The build must follow this one. */
  after?: number
}

export type RequestedBuild = { view: BuildView; created: CreatedBuild }

/** Takes two round trips. Throws an `ApiError` if the build is refused. */
export async function requestBuild(
  requester: Requester,
  workspaceId: string,
  body: BuildRequest,
  request: AuditRequest,
): Promise<RequestedBuild> {
  const { now } = request
  const { isSystem } = requester
  for (let tries = 1; tries <= triesMax; tries++) {
    const [[context]] = await requester.session.batch([
      buildContext(workspaceId, body.template_version_id, isSystem),
    ])
    if (requester.after !== undefined && context?.latest_build_number !== requester.after) break
    const plan = planBuild(context, body)
    const ids = { buildId: crypto.randomUUID(), jobId: crypto.randomUUID() }
    const create = createBuild(plan, ids, requester.initiator, request, isSystem)
    const read = buildById(ids.buildId, now, isSystem)
    const [[created], [row]] = plan.isOrphan
      ? await requester.session
          .batch([create, endOrphan(ids.jobId, request), read])
          .then(([a, , b]) => [a, b] as const)
      : await requester.session.batch([create, read])
    if (created && row) return { view: toBuildView(row.build), created }
  }
  throw conflict("insert workspace build")
}
