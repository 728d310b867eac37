// What clients ask before their first screen (api.md 2.1).
import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "hono"
import { openAgent } from "../access/agent-token.ts"
import { presentedToken } from "../access/caller.ts"
import { externalScopes } from "../access/scopes.ts"
import type { AppEnv } from "../platform/http/env.ts"
import { createRouter } from "../platform/http/router.ts"
import {
  errors,
  jsonBody,
  messageSchema,
  nilUuid,
  timeSchema,
  uuidSchema,
  wireTime,
} from "../platform/http/wire.ts"
import { buildVersion } from "../version.ts"
import { features } from "./entitlement-names.ts"
const tags = ["Deployment"]
export const greeting = { message: "👋" }
const experiments = ["workspace-usage"]

const rootRoute = createRoute({
  method: "get",
  path: "/",
  tags,
  summary: "Say hello",
  responses: { 200: jsonBody(messageSchema, "A greeting.") },
})
const buildInfoRoute = createRoute({
  method: "get",
  path: "/buildinfo",
  tags,
  summary: "The version that clients compare",
  responses: {
    200: jsonBody(
      z
        .object({
          external_url: z.string(),
          version: z.string().openapi({ example: buildVersion }),
          dashboard_url: z.string(),
          telemetry: z.boolean(),
          workspace_proxy: z.boolean(),
          agent_api_version: z.string(),
          provisioner_api_version: z.string(),
          upgrade_message: z.string(),
          deployment_id: z.string(),
        })
        .openapi("BuildInfo"),
      "The version and where the deployment is.",
    ),
  },
})

const updateCheckRoute = createRoute({
  method: "get",
  path: "/updatecheck",
  tags,
  summary: "Whether there is a newer version",
  responses: {
    200: jsonBody(
      z
        .object({ current: z.boolean(), version: z.string(), url: z.string() })
        .openapi("UpdateCheck"),
      "There is no checker: what runs is current.",
    ),
  },
})

const experimentsRoute = createRoute({
  method: "get",
  path: "/experiments",
  tags,
  summary: "List the experiments that are on",
  responses: { 200: jsonBody(z.array(z.string()), "Their names."), ...errors(401, 429, 503) },
})

const safeExperimentsRoute = createRoute({
  method: "get",
  path: "/experiments/available",
  tags,
  summary: "List the experiments that can be turned on safely",
  responses: {
    200: jsonBody(z.object({ safe: z.array(z.string()) }), "Their names."),
    ...errors(401, 429, 503),
  },
})

const entitlementsRoute = createRoute({
  method: "get",
  path: "/entitlements",
  tags,
  summary: "List what the deployment may use: everything",
  responses: {
    200: jsonBody(
      z
        .object({
          features: z.record(
            z.string(),
            z.object({ entitlement: z.enum(["entitled"]), enabled: z.boolean() }),
          ),
          warnings: z.array(z.string()),
          errors: z.array(z.string()),
          has_license: z.boolean(),
          trial: z.boolean(),
          require_telemetry: z.boolean(),
          refreshed_at: timeSchema,
        })
        .openapi("Entitlements"),
      "Every feature is on.",
    ),
  },
})

const sshRoute = createRoute({
  method: "get",
  path: "/deployment/ssh",
  tags,
  summary: "How clients name workspaces in their SSH configuration",
  responses: {
    200: jsonBody(
      z
        .object({
          hostname_prefix: z.string(),
          hostname_suffix: z.string(),
          ssh_config_options: z.record(z.string(), z.string()),
        })
        .openapi("SSHConfigResponse"),
      "Prefix, suffix and options.",
    ),
    ...errors(401, 429, 503),
  },
})

const regionsRoute = createRoute({
  method: "get",
  path: "/regions",
  tags,
  summary: "List the regions: one",
  responses: {
    200: jsonBody(
      z
        .object({
          regions: z.array(
            z.object({
              id: z.string(),
              name: z.string(),
              display_name: z.string(),
              icon_url: z.string(),
              healthy: z.boolean(),
              path_app_url: z.string(),
              wildcard_hostname: z.string(),
            }),
          ),
        })
        .openapi("RegionsResponse"),
      "The one region.",
    ),
    ...errors(401, 429, 503),
  },
})

const scopesRoute = createRoute({
  method: "get",
  path: "/auth/scopes",
  tags,
  summary: "List the scopes that a token can have",
  responses: { 200: jsonBody(z.object({ external: z.array(z.string()) }), "Their names.") },
})

const authMethodsRoute = createRoute({
  method: "get",
  path: "/users/authmethods",
  tags,
  summary: "List the ways to sign in",
  responses: {
    200: jsonBody(
      z
        .object({
          password: z.object({ enabled: z.boolean() }),
          github: z.object({ enabled: z.boolean(), default_provider_configured: z.boolean() }),
          oidc: z.object({ enabled: z.boolean(), signInText: z.string(), iconUrl: z.string() }),
        })
        .openapi("AuthMethods"),
      "Passwords alone.",
    ),
  },
})

const appearanceRoute = createRoute({
  method: "get",
  path: "/appearance",
  tags,
  summary: "How clients present the deployment, to people and to agents",
  responses: {
    200: jsonBody(
      z
        .object({
          application_name: z.string(),
          logo_url: z.string(),
          docs_url: z.string(),
          service_banner: z.object({ enabled: z.boolean() }),
          announcement_banners: z.array(z.object({ enabled: z.boolean(), message: z.string() })),
          support_links: z.array(
            z.object({ name: z.string(), target: z.string(), icon: z.string() }),
          ),
        })
        .openapi("AppearanceConfig"),
      "Names, links and banners.",
    ),
    ...errors(401, 429, 503),
  },
})

/** An agent's token is a UUID, a person's never is. */
const provesAgent = (c: Context<AppEnv>) => uuidSchema.safeParse(presentedToken(c)).success

export const deploymentRoutes = createRouter()
  .openapi(rootRoute, (c) => c.json(greeting, 200))
  .openapi(buildInfoRoute, (c) =>
    c.json(
      {
        external_url: c.env.ACCESS_URL,
        version: buildVersion,
        dashboard_url: c.env.ACCESS_URL,
        telemetry: false,
        workspace_proxy: false,
        agent_api_version: "1.0",
        provisioner_api_version: "1.0",
        upgrade_message: "",
        deployment_id: nilUuid,
      },
      200,
    ),
  )
  .openapi(updateCheckRoute, (c) =>
    c.json({ current: true, version: buildVersion, url: c.env.ACCESS_URL }, 200),
  )
  .openapi(experimentsRoute, async (c) => {
    await c.get("caller").actor()
    return c.json(experiments, 200)
  })
  .openapi(safeExperimentsRoute, async (c) => {
    await c.get("caller").actor()
    return c.json({ safe: experiments }, 200)
  })
  .openapi(entitlementsRoute, (c) =>
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
  .openapi(sshRoute, async (c) => {
    await c.get("caller").actor()
    return c.json(
      { hostname_prefix: "coder.", hostname_suffix: "coder", ssh_config_options: {} },
      200,
    )
  })
  .openapi(regionsRoute, async (c) => {
    await c.get("caller").actor()
    const primary = {
      id: nilUuid,
      name: "primary",
      display_name: "Default",
      icon_url: "/emojis/1f3e0.png",
      healthy: true,
      path_app_url: c.env.ACCESS_URL,
      wildcard_hostname: "",
    }
    return c.json({ regions: [primary] }, 200)
  })
  .openapi(appearanceRoute, async (c) => {
    await (provesAgent(c) ? (await openAgent(c, c.get("db"))).actor() : c.get("caller").actor())
    return c.json(
      {
        application_name: "Dormouse",
        logo_url: "",
        docs_url: `${c.env.ACCESS_URL}/docs`,
        service_banner: { enabled: false },
        announcement_banners: [],
        support_links: [],
      },
      200,
    )
  })
  .openapi(scopesRoute, (c) => c.json({ external: [...externalScopes] }, 200))
  .openapi(authMethodsRoute, (c) =>
    c.json(
      {
        password: { enabled: true },
        github: { enabled: false, default_provider_configured: false },
        oidc: { enabled: false, signInText: "", iconUrl: "" },
      },
      200,
    ),
  )
