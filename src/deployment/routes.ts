// What clients ask before their first screen: facts of the deployment that no one changes.
import { createRoute, z } from "@hono/zod-openapi"
import { externalScopes } from "../access/scopes.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody, messageSchema, nilUuid } from "../platform/http/wire.ts"
import { buildVersion } from "../version.ts"
const tags = ["Deployment"]
const greeting = { message: "👋" }
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

const applicationsHostRoute = createRoute({
  method: "get",
  path: "/applications/host",
  tags,
  summary: "The host under which workspaces' applications have subdomains: none",
  responses: { 200: jsonBody(z.object({ host: z.string() }), "Empty."), ...errors(401, 429, 503) },
})

const externalAuthRoute = createRoute({
  method: "get",
  path: "/external-auth",
  tags,
  summary: "List the external services that people can link: none",
  responses: {
    200: jsonBody(
      z.object({ providers: z.array(z.unknown()).max(0), links: z.array(z.unknown()).max(0) }),
      "Two empty lists.",
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
  .openapi(applicationsHostRoute, async (c) => {
    await c.get("caller").actor()
    return c.json({ host: "" }, 200)
  })
  .openapi(externalAuthRoute, async (c) => {
    await c.get("caller").actor()
    return c.json({ providers: [], links: [] }, 200)
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
