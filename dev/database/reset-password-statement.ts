// What resetting a password writes: one statement, with its row in the audit trail, as every other change of an account has.
import { randomBytes, randomUUID } from "node:crypto"
import type { Client } from "pg"

/** Long enough to be beyond guessing, short enough to be typed once. */
export const newPassword = (): string => randomBytes(18).toString("base64url")

export type ResetAccount = { username: string; email: string }

/**
 * Gives the account that password, lets it sign in by it, wakes it, and ends every session and token of it. By its e-mail or its
 * username, without regard to case. Null where there is no such account; twice is as good as once.
 */
export async function resetPassword(
  client: Client,
  account: string,
  hashedPassword: string,
  now: Date,
): Promise<ResetAccount | null> {
  const { rows } = await client.query<ResetAccount>(
    `with changed as (
      update users set hashed_password = $2, login_type = 'password', status = 'active',
        updated_at = $3
      where (lower(email) = lower($1) or lower(username) = lower($1)) and not deleted and
        not is_system
      returning id, username, email
    ), ended as (
      delete from api_keys k using changed where k.user_id = changed.id
    ), audited as (
      insert into audit_logs (id, time, request_id, user_id, ip, user_agent, resource_type,
        resource_id, resource_target, action,
        diff, status_code, additional_fields)
      select gen_random_uuid(), $3, $4, changed.id, '', 'npm run reset-password', 'user',
        changed.id, changed.username, 'write',
        '{"hashed_password": {"old": "", "new": "", "secret": true}}', 200, '{}'
      from changed
    )
    select username, email from changed`,
    [account, hashedPassword, now, randomUUID()],
  )
  return rows[0] ?? null
}
