// The statement of a password reset, with its row in the audit trail.
import { randomBytes, randomUUID } from "node:crypto"
import type { Client } from "pg"

/** Too long to guess, short enough to type once. */
export const newPassword = (): string => randomBytes(18).toString("base64url")

export type ResetAccount = { username: string; email: string }

/**
 * Gives the account the password, lets it sign in with it, activates it, and ends every session and
 * token of it. `makeOwner` also gives it the role owner.
 *
 * Finds the account by its e-mail or username in any case. Returns null if it does not exist.
 */
export async function resetPassword(
  client: Client,
  account: string,
  hashedPassword: string,
  now: Date,
  makeOwner: boolean,
): Promise<ResetAccount | null> {
  const { rows } = await client.query<ResetAccount>(
    `with before as (
      select id, site_roles from users
      where (lower(email) = lower($1) or lower(username) = lower($1))
        and not deleted and not is_system
    ), changed as (
      update users u set hashed_password = $2, login_type = 'password', status = 'active',
        site_roles = case when $5::boolean and not 'owner' = any (u.site_roles)
          then u.site_roles || array['owner'] else u.site_roles end,
        updated_at = $3
      from before where u.id = before.id
      returning u.id, u.username, u.email, before.site_roles as old_roles, u.site_roles
    ), ended as (
      delete from api_keys k using changed where k.user_id = changed.id
    ), audited as (
      insert into audit_logs (id, time, request_id, user_id, ip, user_agent, resource_type,
        resource_id, resource_target, action, diff, status_code, additional_fields)
      select gen_random_uuid(), $3, $4, changed.id, '', 'npm run reset-password', 'user',
        changed.id, changed.username, 'write',
        '{"hashed_password": {"old": "", "new": "", "secret": true}}'::jsonb
          || case when old_roles = site_roles then '{}' else jsonb_build_object('rbac_roles',
            jsonb_build_object('old', old_roles, 'new', site_roles, 'secret', false)) end,
        200, '{}'
      from changed
    )
    select username, email from changed`,
    [account, hashedPassword, now, randomUUID(), makeOwner],
  )
  return rows[0] ?? null
}
