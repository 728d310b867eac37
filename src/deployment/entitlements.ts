// Which of the features that clients ask about by name are served.
//
// Clients show a page for a feature that is on, and a feature that is off, or missing, hides it. A
// feature is on here only if its calls are answered. `browser_only` is off because it hides the
// buttons for editors and SSH.
import { createRoute, z } from "@hono/zod-openapi"
import { createRouter } from "../platform/http/router.ts"
import { jsonBody, timeSchema, wireTime } from "../platform/http/wire.ts"

const served = [
  "access_control",
  "advanced_template_scheduling",
  "appearance",
  "audit_log",
  "connection_log",
  "external_provisioner_daemons",
  "user_role_management",
  "workspace_batch_actions",
  "workspace_external_agent",
  "workspace_prebuilds",
] as const

const notServed = [
  "ai_governance_user_limit",
  "aibridge",
  "boundary",
  "browser_only",
  "control_shared_ports",
  "custom_roles",
  "external_token_encryption",
  "high_availability",
  "managed_agent_limit",
  "multiple_external_auth",
  "multiple_organizations",
  "scim",
  "service_accounts",
  "task_batch_actions",
  "template_rbac",
  "user_limit",
  "workspace_proxy",
] as const

const featureSchema = z.object({
  entitlement: z.enum(["entitled", "not_entitled"]),
  enabled: z.boolean(),
})

const features: Record<string, z.infer<typeof featureSchema>> = Object.fromEntries([
  ...served.map((name) => [name, { entitlement: "entitled", enabled: true }]),
  ...notServed.map((name) => [name, { entitlement: "not_entitled", enabled: false }]),
])

const entitlementsRoute = createRoute({
  method: "get",
  path: "/entitlements",
  tags: ["Deployment"],
  summary: "List which features are served",
  responses: {
    200: jsonBody(
      z
        .object({
          features: z.record(z.string(), featureSchema),
          warnings: z.array(z.string()),
          errors: z.array(z.string()),
          has_license: z.boolean(),
          trial: z.boolean(),
          require_telemetry: z.boolean(),
          refreshed_at: timeSchema,
        })
        .openapi("Entitlements"),
      "Every feature that clients know, on or off.",
    ),
  },
})

export const entitlementRoutes = createRouter().openapi(entitlementsRoute, (c) =>
  c.json(
    {
      features,
      warnings: [],
      errors: [],
      has_license: true,
      trial: false,
      require_telemetry: false,
      refreshed_at: wireTime(c.get("now")),
    },
    200,
  ),
)
