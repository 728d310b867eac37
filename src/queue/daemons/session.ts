// Authenticates a provisioner daemon by its key, in the statement in front of each query.
import { sql } from "drizzle-orm"
import type { MiddlewareHandler } from "hono"
import type { ProvisionerActor } from "../../access/actors.ts"
import { sha256 } from "../../platform/hash.ts"
import { authenticatedDatabase } from "../../access/authenticated-database.ts"
import { unauthenticated } from "../../access/challenge.ts"
import { statement } from "../../platform/db/client.ts"
import type { AppEnv } from "../../platform/http/env.ts"
import { daemonKeyHeader } from "../jobs/protocol.ts"

/** Opens `c.var.provisioner`. Costs nothing until its first statement. */
export const openDaemonSession: MiddlewareHandler<AppEnv> = async (c, next) => {
  const key = c.req.header(daemonKeyHeader) ?? ""
  const proof =
    key === ""
      ? unauthenticated(
          "Provisioner key required.",
          `Header "${daemonKeyHeader}" must be provided.`,
        )
      : statement<{ actor: ProvisionerActor }>(
          "authenticate-provisioner",
          sql`select authenticate_provisioner(${await sha256(key)}::bytea) as actor`,
        )
  c.set("provisioner", authenticatedDatabase<ProvisionerActor>(c.get("db"), proof))
  await next()
}
