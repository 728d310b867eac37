// Sessions as rows.
import { sql } from "drizzle-orm"
import { actorId } from "../../access/may.ts"
import { auditInsert, type AuditRequest } from "../../audit/fragment.ts"
import { statement } from "../../platform/db/client.ts"
import type { RowOf } from "../../platform/db/row.ts"
import type { users } from "../../platform/db/schema/identity.ts"
import type { MintedKey } from "./mint-key.ts"

export const sessionLifetimeSeconds = 24 * 60 * 60
const sessionsMax = 100

export type Credentials = Pick<
  RowOf<typeof users>,
  "id" | "hashed_password" | "status" | "login_type"
>

/** The account of an e-mail address. Uses the unique index on lower(email). */
export const credentialsOf = (email: string) =>
  statement<Credentials>(
    "users.credentials",
    sql`select u.id, u.hashed_password, u.status, u.login_type from users u
      where lower(u.email) = lower(${email}) and u.email <> '' and not u.deleted
        and not u.is_system`,
  )

/**
 * Opens a session if the checked facts still hold: the same password, not suspended. A dormant user
 * becomes active. A repeated call opens a second session. The sessions that were not used for the
 * longest time end when there are too many.
 */
export const openPasswordSession = (user: Credentials, key: MintedKey, request: AuditRequest) =>
  statement<{ id: string }>(
    "users.open-session",
    sql`with signed_in as (
        update users u set status = 'active',
          last_seen_at = greatest(u.last_seen_at, ${request.now}::timestamptz),
          updated_at = case when u.status = 'active' then u.updated_at
            else ${request.now}::timestamptz end
        where u.id = ${user.id}::uuid and u.hashed_password = ${user.hashed_password}
          and u.login_type = 'password'
          and u.status <> 'suspended' and not u.deleted
        returning u.id, u.username
      ), opened as (
        insert into api_keys (id, user_id, hashed_secret, login_type, lifetime_seconds, ip,
          last_used_at, expires_at, created_at,
          updated_at)
        select ${key.id}, id, ${key.hashedSecret}::bytea, 'password',
          ${sessionLifetimeSeconds}::bigint, ${request.ip}, ${request.now}::timestamptz,
          ${request.now}::timestamptz + make_interval(secs => ${sessionLifetimeSeconds}::int),
          ${request.now}::timestamptz, ${request.now}::timestamptz
        from signed_in returning id
      ), replaced as (
        delete from api_keys k using signed_in
        where k.user_id = signed_in.id and k.id in (
          select o.id from api_keys o
          where o.user_id = signed_in.id and o.login_type = 'password' and o.workspace_id is null
          order by coalesce(o.last_used_at, o.created_at) desc offset ${sessionsMax - 1}::int)
      ), audited as (${auditInsert(
        request,
        {
          resourceType: "api_key",
          resourceId: sql`signed_in.id`,
          resourceTarget: sql`signed_in.username`,
          userId: sql`signed_in.id`,
          action: "login",
          statusCode: 201,
        },
        sql`signed_in`,
      )})
      select id from signed_in`,
  )

/** Audits a refused sign-in to an account. Writes nothing if no account was found. */
export const auditRefusedSignIn = (userId: string | null, request: AuditRequest, status: number) =>
  statement<{ id: string }>(
    "users.audit-refused-sign-in",
    auditInsert(
      request,
      {
        resourceType: "api_key",
        resourceId: sql`u.id`,
        resourceTarget: sql`u.username`,
        userId: sql`u.id`,
        action: "login",
        statusCode: status,
      },
      sql`users u where u.id = ${userId}::uuid`,
    ),
  )

/** Deletes the presented key and the user's keys for apps. */
export const closeSession = (request: AuditRequest) =>
  statement<{ id: string }>(
    "users.close-session",
    sql`with closed as (
        delete from api_keys k where k.user_id = ${actorId}
          and (k.id = (select actor() ->> 'key_id')
            or k.scopes = array['coder:application_connect'])
        returning k.id
      ), audited as (${auditInsert(
        request,
        {
          resourceType: "api_key",
          resourceId: sql`u.id`,
          resourceTarget: sql`u.username`,
          action: "logout",
        },
        sql`users u where u.id = ${actorId}`,
      )})
      select id from closed`,
  )
