// Keys and tokens as rows.
//
// A statement reaches a key through its owner's name and the caller's permission on it.
import { sql, type SQL } from "drizzle-orm"
import { userIdOf } from "../../access/lookup.ts"
import { may } from "../../access/may.ts"
import type { Action } from "../../access/permissions.ts"
import { auditDiff } from "../../audit/diff.ts"
import { auditInsert, type AuditRequest } from "../../audit/fragment.ts"
import { statement } from "../../platform/db/client.ts"
import { texts } from "../../platform/db/sql.ts"
import { keyColumns, type ApiKeyRow } from "./key-view.ts"
import type { MintedKey } from "./mint-key.ts"

const mayKey = (action: Action) => may(action, "api_key", { owner: sql`k.user_id` })

/** The keys of a user that the caller may see and that meet the condition, oldest first. */
const keysOf = (name: string, user: string, condition: SQL) =>
  statement<ApiKeyRow>(
    name,
    sql`select ${keyColumns} from api_keys k join users u on u.id = k.user_id
      where k.user_id = ${userIdOf(user)} and ${mayKey("read")} and ${condition}
      order by k.created_at, k.id`,
  )

export const keyById = (user: string, id: string) => keysOf("keys.by-id", user, sql`k.id = ${id}`)

export const tokenByName = (user: string, name: string) =>
  keysOf("keys.by-name", user, sql`k.login_type = 'token' and k.token_name = ${name}`)

export type TokenListOptions = { isAll: boolean; isExpiredIncluded: boolean }

/** The tokens of a user, or all that the caller may see. */
export function listTokens(
  user: string,
  { isAll, isExpiredIncluded }: TokenListOptions,
  now: Date,
) {
  const isIt = isAll ? sql`true` : sql`k.user_id = ${userIdOf(user)}`
  return statement<ApiKeyRow>(
    "keys.tokens",
    sql`select ${keyColumns} from api_keys k join users u on u.id = k.user_id and not u.deleted
      where k.login_type = 'token' and ${isIt} and ${mayKey("read")}
        and (${isExpiredIncluded}::boolean or k.expires_at > ${now}::timestamptz)
      order by k.created_at, k.id`,
  )
}

/** An owner's token can do everything, so it lives a week at most. */
export const ownerTokenSecondsMax = 7 * 24 * 60 * 60

/** The most live keys of a person. Requests at the same time may exceed it by their number. */
export const keysMax = 200

const liveKeys = (user: SQL, now: SQL) =>
  sql`(select count(*) from api_keys l
    where l.user_id = ${user} and l.workspace_id is null and l.expires_at > ${now})`

export type KeyOwner = {
  id: string
  is_owner: boolean
  can_create: boolean
  can_read: boolean
  is_full: boolean
}

/** The user for whom a key is requested. */
export const keyOwner = (user: string, now: Date) =>
  statement<KeyOwner>(
    "keys.owner",
    sql`select u.id, 'owner' = any (u.site_roles) as is_owner,
      ${may("create", "api_key", { owner: sql`u.id` })} as can_create,
        ${may("read", "user", { id: sql`u.id`, owner: sql`u.id` })} as can_read,
        ${liveKeys(sql`u.id`, sql`${now}::timestamptz`)} >= ${keysMax}::int as is_full
      from users u where u.id = ${userIdOf(user)} and not u.is_system`,
  )

export type NewApiKey = MintedKey & {
  loginType: "password" | "token"
  name: string
  lifetimeSeconds: number
  lifetimeSecondsMax: number
  lifetimeSecondsMaxOfOwners: number
  scopes: string[]
  allowList: string[]
}

/**
 * Creates a key for a user if the caller may and the lifetime is within the user's bound. A token
 * never creates one that can do more than itself. A repeated call creates a second key, or violates
 * the unique name of a token. A key that a token creates ends with the token.
 */
export function createApiKey(user: string, key: NewApiKey, request: AuditRequest) {
  const isNarrower = sql`(select (actor() -> 'scopes' ? 'coder:all'
    or actor() -> 'scopes' ?& ${texts(key.scopes)})
    and (actor() -> 'allow_list' ? '*:*' or actor() -> 'allow_list' ?& ${texts(key.allowList)}))`
  const now = sql`${request.now}::timestamptz`
  const seconds = sql`${key.lifetimeSeconds}::bigint`
  return statement<{ id: string }>(
    "keys.create",
    sql`with made as (
        insert into api_keys (id, user_id, hashed_secret, login_type, token_name, scopes,
          allow_list, lifetime_seconds, parent_key_id, ip, expires_at, created_at, updated_at)
        select ${key.id}, u.id, ${key.hashedSecret}::bytea, ${key.loginType}, ${key.name},
          ${texts(key.scopes)}, ${texts(key.allowList)}, ${seconds}, parent.id, ${request.ip},
          least(parent.expires_at, ${now} + make_interval(secs => ${seconds})), ${now}, ${now}
        from users u
        left join api_keys parent
          on parent.id = (select actor() ->> 'key_id') and parent.login_type = 'token'
        where u.id = ${userIdOf(user)} and not u.is_system
          and ${may("create", "api_key", { owner: sql`u.id` })} and ${isNarrower}
          and ${seconds} <= case when 'owner' = any (u.site_roles)
            then ${key.lifetimeSecondsMaxOfOwners}::bigint
            else ${key.lifetimeSecondsMax}::bigint end
          and ${liveKeys(sql`u.id`, now)} < ${keysMax}::int
        returning id, user_id, token_name, scopes, allow_list, expires_at
      ), audited as (${auditInsert(
        request,
        {
          resourceType: "api_key",
          resourceId: sql`made.user_id`,
          resourceTarget: sql`made.token_name`,
          action: "create",
          statusCode: 201,
          diff: auditDiff({
            id: { new: sql`made.id` },
            token_name: { new: sql`made.token_name` },
            scopes: { new: sql`made.scopes` },
            allow_list: { new: sql`made.allow_list` },
            expires_at: { new: sql`made.expires_at` },
            hashed_secret: { new: sql`'set'::text`, isSecret: true },
          }),
        },
        sql`made`,
      )})
      select id from made`,
  )
}

/** Deletes a key. Returns no row if it is already gone. */
export const deleteApiKey = (user: string, id: string, request: AuditRequest) =>
  statement<{ id: string }>(
    "keys.delete",
    sql`with gone as (
        delete from api_keys k where k.id = ${id} and k.user_id = ${userIdOf(user)}
          and ${mayKey("delete")}
        returning k.id, k.user_id, k.token_name
      ), audited as (${auditInsert(
        request,
        {
          resourceType: "api_key",
          resourceId: sql`gone.user_id`,
          resourceTarget: sql`gone.token_name`,
          action: "delete",
          statusCode: 204,
          diff: auditDiff({ id: { old: sql`gone.id` }, token_name: { old: sql`gone.token_name` } }),
        },
        sql`gone`,
      )})
      select id from gone`,
  )

/**
 * Ends a key, and the keys that it created, at `now`. Returns a key that has ended already,
 * unchanged.
 */
export const expireKey = (user: string, id: string, request: AuditRequest) =>
  statement<{ id: string }>(
    "keys.expire",
    sql`with found as (
        select k.id, k.user_id, k.token_name, k.expires_at from api_keys k
        where k.id = ${id} and k.user_id = ${userIdOf(user)} and ${mayKey("update")}
      ), ended as (
        update api_keys k set expires_at = ${request.now}::timestamptz,
          updated_at = ${request.now}::timestamptz
        from found where k.id = found.id and k.expires_at > ${request.now}::timestamptz
        returning k.id, k.user_id, k.token_name, k.expires_at, found.expires_at as expired_before
      ), children as (
        update api_keys c set expires_at = ${request.now}::timestamptz,
          updated_at = ${request.now}::timestamptz
        from ended where c.parent_key_id = ended.id and c.expires_at > ${request.now}::timestamptz
      ), audited as (${auditInsert(
        request,
        {
          resourceType: "api_key",
          resourceId: sql`ended.user_id`,
          resourceTarget: sql`ended.token_name`,
          action: "write",
          statusCode: 204,
          diff: auditDiff({
            expires_at: { old: sql`ended.expired_before`, new: sql`ended.expires_at` },
          }),
        },
        sql`ended`,
      )})
      select id from found`,
  )
