-- Why a key is not good, or null if it is: 'expired', 'no_user' or 'suspended'.
--
-- A deleted user and a system user cannot sign in. A dormant user can: authenticating activates the
-- account.
create or replace function key_problem(
  key_expires_at timestamptz, user_deleted boolean, user_is_system boolean, user_status text,
  p_now timestamptz
) returns text
language sql immutable parallel safe
as $$
  select case
    when key_expires_at <= p_now then 'expired'
    when user_deleted or user_is_system then 'no_user'
    when user_status = 'suspended' then 'suspended'
  end
$$;
