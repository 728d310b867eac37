// The body that describes a sub agent, with a bound on every field, and the apps it can have.
import { withoutNul } from "../../platform/db/without-nul.ts"
import { z } from "@hono/zod-openapi"
import { pictureError, picturePattern } from "../../platform/picture.ts"
import { uuidSchema } from "../../platform/http/wire.ts"
import { findAppUrlError, toAppRow } from "../app-row.ts"
import { sharingOrder } from "./statements.ts"

const text = z.string().max(2_048)
const displayApps = [
  "vscode",
  "vscode_insiders",
  "web_terminal",
  "port_forwarding_helper",
  "ssh_helper",
] as const
export const agentNamePattern = /^[a-z0-9](-?[a-z0-9])*$/i
const appSlugPattern = /^[a-z0-9](-?[a-z0-9])*$/

const subAgentApp = z.object({
  slug: text,
  display_name: text.nullish(),
  command: text.nullish(),
  url: text.nullish(),
  icon: z.string().max(256).regex(picturePattern, pictureError).nullish(),
  external: z.boolean().nullish(),
  subdomain: z.boolean().nullish(),
  share: z.enum(sharingOrder).nullish(),
  group: z.string().max(256).nullish(),
  hidden: z.boolean().nullish(),
  open_in: z.enum(["slim-window", "tab"]).nullish(),
  order: z.int().min(-1_000_000).max(1_000_000).nullish(),
  healthcheck: z
    .object({
      url: text,
      interval: z.int().min(0).max(86_400),
      threshold: z.int().min(0).max(1_000),
    })
    .nullish(),
})
type SubAgentApp = z.infer<typeof subAgentApp>

export const subAgentRequest = z.object({
  /** A sub agent that the build made: only its display apps and its directory are updated. */
  id: uuidSchema.nullish(),
  name: z.string().max(64).default(""),
  directory: z.string().max(4_096).default(""),
  architecture: z.string().max(64).default(""),
  operating_system: z.string().max(64).default(""),
  apps: z.array(subAgentApp).max(128).nullish(),
  display_apps: z.array(z.enum(displayApps)).max(16).nullish(),
})

type AppError = { index: number; field?: string; error: string }

/** Returns rows, without an agent, of the valid apps, and an error for each other app. */
export async function toSubAgentApps(
  apps: readonly SubAgentApp[],
  agentName: string,
): Promise<{ rows: object[]; errors: AppError[] }> {
  const errors: AppError[] = []
  const rows: object[] = []
  const seen = new Set<string>()
  for (const [index, app] of apps.entries()) {
    if (!appSlugPattern.test(app.slug)) {
      errors.push({ index, field: "slug", error: `${JSON.stringify(app.slug)} is not a slug` })
    } else if (seen.has(app.slug)) {
      errors.push({ index, field: "slug", error: `${JSON.stringify(app.slug)} occurs twice` })
    } else if (findAppUrlError(app) !== null) {
      errors.push({ index, field: "url", error: findAppUrlError(app) ?? "" })
    } else {
      seen.add(app.slug)
      rows.push(withoutNul(toAppRow(app, await uniqueSlug(agentName, app.slug), app.share)))
    }
  }
  return { rows, errors }
}

const base32Hex = "0123456789abcdefghijklmnopqrstuv"

/**
 * Prefixes the slug with eight characters of a digest of the agent's name and the slug. So it
 * differs from the slugs of the workspace's other agents.
 */
export async function uniqueSlug(agentName: string, slug: string): Promise<string> {
  const bytes = new TextEncoder().encode(`${agentName}/${slug}`)
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))
  let bits = 0n
  for (const byte of digest.subarray(0, 5)) bits = (bits << 8n) | BigInt(byte)
  const letters = Array.from(
    { length: 8 },
    (_, i) => base32Hex[Number((bits >> BigInt(35 - 5 * i)) & 31n)],
  )
  return `${letters.join("")}-${slug}`
}
