// A key as a row and as JSON, without its secret.
import { z } from "@hono/zod-openapi"
import { sql, type SQL } from "drizzle-orm"
import type { RowOf } from "../../platform/db/row.ts"
import type { apiKeys } from "../../platform/db/schema/identity.ts"
import { timeSchema, uuidSchema, wireTime } from "../../platform/http/wire.ts"

const neverUsed = "1970-01-01T00:00:00Z"

export const keySchema = z
  .object({
    id: z.string().openapi({ example: "Zk3vQ0aB9x" }),
    user_id: uuidSchema,
    last_used: timeSchema,
    expires_at: timeSchema,
    created_at: timeSchema,
    updated_at: timeSchema,
    login_type: z.string(),
    scope: z.enum(["all", "application_connect", ""]),
    scopes: z.array(z.string()),
    token_name: z.string(),
    lifetime_seconds: z.int(),
    allow_list: z.array(z.string()),
  })
  .openapi("APIKey")

export const keyWithOwnerSchema = keySchema
  .extend({ username: z.string() })
  .openapi("APIKeyWithOwner")

export type ApiKeyRow = Omit<
  RowOf<typeof apiKeys>,
  "hashed_secret" | "workspace_id" | "parent_key_id" | "ip"
> & {
  username: string
}

/** The columns of `ApiKeyRow` over `api_keys k` and `users u`. */
export const keyColumns: SQL = sql`k.id, k.user_id, u.username, k.last_used_at, k.expires_at,
  k.created_at, k.updated_at,
  k.login_type, k.scopes, k.token_name, k.lifetime_seconds, k.allow_list`

export function toKeyView(row: ApiKeyRow): z.input<typeof keySchema> {
  return {
    id: row.id,
    user_id: row.user_id,
    last_used: row.last_used_at === null ? neverUsed : wireTime(row.last_used_at),
    expires_at: wireTime(row.expires_at),
    created_at: wireTime(row.created_at),
    updated_at: wireTime(row.updated_at),
    login_type: row.login_type,
    scope: legacyScope(row.scopes),
    scopes: row.scopes,
    token_name: row.token_name,
    lifetime_seconds: row.lifetime_seconds,
    allow_list: row.allow_list,
  }
}

export const toKeyWithOwnerView = (row: ApiKeyRow): z.input<typeof keyWithOwnerSchema> => ({
  ...toKeyView(row),
  username: row.username,
})

function legacyScope(scopes: string[]): "all" | "application_connect" | "" {
  if (scopes.includes("coder:all")) return "all"
  return scopes.includes("coder:application_connect") ? "application_connect" : ""
}
