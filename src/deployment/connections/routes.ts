// The connection log: who opened an application or a port of a workspace.
//
// It shows the sessions that proxies of applications report. Agents report only how many sessions
// of editors and terminals are open, so those have no entries.
import { createRoute, z } from "@hono/zod-openapi"
import { isAllowed, roleHolderOf } from "../../access/is-allowed.ts"
import { auditUserSchema, toUser } from "../../audit/routes.ts"
import { forbidden } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import {
  errors,
  jsonBody,
  pageQuery,
  timeSchema,
  uuidSchema,
  wireTime,
} from "../../platform/http/wire.ts"
import { countMax, listConnections, type ConnectionRow } from "./statement.ts"

const connectionSchema = z
  .object({
    id: uuidSchema,
    connect_time: timeSchema,
    organization: z.object({
      id: uuidSchema,
      name: z.string(),
      display_name: z.string(),
      icon: z.string(),
    }),
    workspace_owner_id: uuidSchema,
    workspace_owner_username: z.string(),
    workspace_id: uuidSchema,
    workspace_name: z.string(),
    agent_name: z.string(),
    type: z.enum(["workspace_app", "port_forwarding"]),
    web_info: z.object({
      user_agent: z.string(),
      user: auditUserSchema.nullable(),
      slug_or_port: z.string(),
      status_code: z.int(),
    }),
  })
  .openapi("ConnectionLog")

const listRoute = createRoute({
  method: "get",
  path: "/connectionlog",
  tags: ["Audit"],
  summary: "List who connected to which application, newest first",
  request: {
    query: pageQuery.extend({
      q: z
        .string()
        .max(8_192)
        .default("")
        .openapi({ example: "workspace_owner:alice type:workspace_app" }),
    }),
  },
  responses: {
    200: jsonBody(
      z
        .object({ connection_logs: z.array(connectionSchema), count: z.int(), count_cap: z.int() })
        .openapi("ConnectionLogResponse"),
      "A page of the log; `count` goes no further than one more than `count_cap`.",
    ),
    ...errors(400, 401, 403, 429, 503),
  },
})

function toView(row: ConnectionRow): z.input<typeof connectionSchema> {
  const { connected_user: user } = row
  return {
    id: row.session_id,
    connect_time: wireTime(row.connected_at),
    organization: row.organization,
    workspace_owner_id: row.owner_id,
    workspace_owner_username: row.owner_name,
    workspace_id: row.workspace_id,
    workspace_name: row.workspace_name,
    agent_name: row.agent_name,
    type: row.is_port ? "port_forwarding" : "workspace_app",
    web_info: {
      user_agent: "",
      user: user === null ? null : toUser(user, row.organization_ids),
      slug_or_port: row.slug_or_port,
      status_code: 200,
    },
  }
}

export const connectionRoutes = createRouter().openapi(listRoute, async (c) => {
  const caller = c.get("caller")
  const [rows, [total]] = await caller.batch(listConnections(c.req.valid("query")))
  const who = roleHolderOf(await caller.actor())
  const canRead = [undefined, ...Object.keys(who.organizations)].some((organization) =>
    isAllowed(who, "read", "audit_log", { organization }),
  )
  if (!canRead) throw forbidden()
  return c.json(
    { connection_logs: rows.map(toView), count: total?.count ?? 0, count_cap: countMax },
    200,
  )
})
