// The deployment's configuration, as far as it may be shown: no address of a database, no secret.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { may } from "../access/may.ts"
import { statement } from "../platform/db/client.ts"
import { forbidden } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody } from "../platform/http/wire.ts"
import { defaultQuietHoursSettings } from "../schedule/quiet-hours.ts"
import { databaseThresholdMs } from "./health/database.ts"

const optionSchema = z.object({
  name: z.string(),
  description: z.string(),
  env: z.string().optional(),
  value: z.unknown(),
  value_source: z.enum(["", "env"]),
  group: z.object({ name: z.string() }),
})
type Option = z.infer<typeof optionSchema>

const configRoute = createRoute({
  method: "get",
  path: "/deployment/config",
  tags: ["Deployment"],
  summary: "Show the deployment's configuration, without its secrets",
  responses: {
    200: jsonBody(
      z.object({
        config: z.record(z.string(), z.unknown()),
        options: z.array(optionSchema),
      }),
      "The values that clients read, and the options behind them.",
    ),
    ...errors(401, 403, 429, 503),
  },
})

/** True if the caller may see how the deployment is configured. */
export const mayReadConfig = statement<{ allowed: boolean }>(
  "deployment.may-read-config",
  sql`select ${may("read", "deployment_config")} as allowed`,
)

const msToNs = 1_000_000
const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

function configOf(env: Env) {
  return {
    access_url: env.ACCESS_URL,
    wildcard_access_url: "",
    disable_password_auth: false,
    disable_workspace_sharing: true,
    allow_workspace_renames: env.ALLOW_RENAMES === "true",
    session_lifetime: {
      default_duration: 7 * dayMs * msToNs,
      default_token_lifetime: 7 * dayMs * msToNs,
      max_token_lifetime: 100 * 365 * dayMs * msToNs,
      max_admin_token_lifetime: 7 * dayMs * msToNs,
      disable_expiry_refresh: false,
    },
    user_quiet_hours_schedule: {
      default_schedule: defaultQuietHoursSettings.defaultText,
      allow_user_custom: true,
    },
    healthcheck: { refresh: 0, threshold_database: databaseThresholdMs * msToNs },
  }
}

/** The settings of wrangler.toml. */
function optionsOf(env: Env): Option[] {
  const option = (name: string, env: string, value: unknown, group: string, description: string) =>
    ({ name, description, env, value, value_source: "env", group: { name: group } }) as const
  return [
    option("Access URL", "ACCESS_URL", env.ACCESS_URL, "Networking", "The address of this server."),
    option(
      "Allow Workspace Renames",
      "ALLOW_RENAMES",
      env.ALLOW_RENAMES === "true",
      "Workspaces",
      "Whether people may rename their workspaces.",
    ),
    option(
      "Private Webhook Targets",
      "WEBHOOK_PRIVATE_TARGETS",
      env.WEBHOOK_PRIVATE_TARGETS === "true",
      "Notifications",
      "Whether webhooks may go to private addresses, and over http.",
    ),
  ]
}

export const configRoutes = createRouter().openapi(configRoute, async (c) => {
  const [row] = await c.get("caller").query(mayReadConfig)
  if (!row?.allowed) throw forbidden()
  return c.json({ config: configOf(c.env), options: optionsOf(c.env) }, 200)
})
