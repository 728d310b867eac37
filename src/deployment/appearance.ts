// How clients present the deployment: its name, its logo and its banners.
import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "hono"
import { openAgent } from "../access/agent-token.ts"
import { presentedToken } from "../access/caller.ts"
import { auditRequest } from "../audit/request.ts"
import { readSetting, writeSetting } from "../audit/setting.ts"
import type { AppEnv } from "../platform/http/env.ts"
import { forbidden } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, uuidSchema } from "../platform/http/wire.ts"

const tags = ["Deployment"]
const key = "appearance"

const bannerSchema = z.object({
  enabled: z.boolean(),
  message: z.string().max(4_096).optional(),
  background_color: z
    .string()
    .regex(/^(#[0-9a-fA-F]{6})?$/, "must be a color such as #004852")
    .optional()
    .openapi({ example: "#004852" }),
})

/** An image in a page: of this site, or over HTTPS. */
const isImageAddress = (text: string) =>
  text === "" ||
  /^\/(?![/\\])/.test(text) ||
  ["https:", "http:"].includes(URL.parse(text)?.protocol ?? "")

const requestSchema = z
  .object({
    application_name: z.string().max(64).default(""),
    logo_url: z
      .string()
      .max(2_048)
      .refine(isImageAddress, "must be an http or https address, or a path of this site")
      .default(""),
    service_banner: bannerSchema
      .nullish()
      .openapi({ description: "The first banner, before 2.15." }),
    announcement_banners: z.array(bannerSchema).max(16).nullish(),
  })
  .openapi("UpdateAppearanceConfig")

type Stored = {
  application_name: string
  logo_url: string
  announcement_banners: z.infer<typeof bannerSchema>[]
}

const missing: Stored = { application_name: "", logo_url: "", announcement_banners: [] }

const writtenSchema = z.object({
  application_name: z.string().openapi({ example: "Dormouse" }),
  logo_url: z.string(),
  service_banner: bannerSchema,
  announcement_banners: z.array(bannerSchema),
})

const getRoute = createRoute({
  method: "get",
  path: "/appearance",
  tags,
  summary: "How clients present the deployment, to people and to agents",
  responses: {
    200: jsonBody(
      writtenSchema
        .extend({
          docs_url: z.string(),
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

const putRoute = createRoute({
  method: "put",
  path: "/appearance",
  tags,
  summary: "Change the name, the logo and the banners",
  request: { body: jsonRequest(requestSchema) },
  responses: {
    200: jsonBody(writtenSchema, "The appearance as it is now."),
    ...errors(400, 401, 403, 429, 503),
  },
})

/** An agent's token is a UUID, a person's never is. */
const provesAgent = (c: Context<AppEnv>) => uuidSchema.safeParse(presentedToken(c)).success

const toView = (stored: Stored) => ({
  ...stored,
  service_banner: stored.announcement_banners[0] ?? { enabled: false },
})

export const appearanceRoutes = createRouter()
  .openapi(getRoute, async (c) => {
    const session = provesAgent(c) ? await openAgent(c, c.get("db")) : c.get("caller")
    const [row] = await session.query(readSetting(key))
    const stored = (row?.value as Stored | undefined) ?? missing
    return c.json(
      {
        ...toView(stored),
        application_name: stored.application_name || "Dormouse",
        docs_url: `${c.env.ACCESS_URL}/docs`,
        support_links: [],
      },
      200,
    )
  })
  .openapi(putRoute, async (c) => {
    const { service_banner, announcement_banners, ...names } = c.req.valid("json")
    const banners = announcement_banners ?? (service_banner ? [service_banner] : [])
    const value: Stored = { ...names, announcement_banners: banners }
    const [written] = await c
      .get("caller")
      .query(writeSetting(key, { value, missing }, auditRequest(c)))
    if (!written?.allowed) throw forbidden()
    return c.json(toView(value), 200)
  })
