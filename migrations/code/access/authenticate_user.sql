-- Proves a user's key, or raises, so that no later statement of the transaction runs.
--
-- SQLSTATE DM401: the message is the answer's detail or, with the hint "message", its message. The
-- secret is compared by its SHA-256, which an attacker cannot steer, so timing reveals nothing.
create or replace function authenticate_user(
  p_key_id text, p_hashed_secret bytea, p_now timestamptz, p_ip text
) returns jsonb
language plpgsql
as $$
declare
  k api_keys%rowtype;
  u users%rowtype;
  found_actor jsonb;
begin
  select * into k from api_keys where id = p_key_id;
  if not found then
    raise exception 'API key is invalid.' using errcode = 'DM401';
  end if;
  if k.hashed_secret <> p_hashed_secret then
    raise exception 'API key secret is invalid.' using errcode = 'DM401';
  end if;
  select * into u from users where id = k.user_id;
  case key_problem(k.expires_at, u.deleted, u.is_system, u.status, p_now)
    when 'expired' then
      raise exception 'API key expired at "%".',
        to_char(k.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        using errcode = 'DM401';
    when 'no_user' then
      raise exception 'API key is invalid.' using errcode = 'DM401';
    when 'suspended' then
      raise exception
        'User is not active (status = "suspended"). Contact an admin to reactivate your account.'
        using errcode = 'DM401', hint = 'message';
    else
  end case;
  if key_mark_is_due(k.last_used_at, p_now) or u.status = 'dormant' then
    update users set status = 'active', last_seen_at = greatest(last_seen_at, p_now),
      updated_at = case when status = 'dormant' then p_now else updated_at end
    where id = u.id and status <> 'suspended';
    update api_keys set last_used_at = greatest(last_used_at, p_now), ip = p_ip where id = k.id;
  end if;
  if key_slide_is_due(k, p_now) then
    update api_keys set expires_at = p_now + make_interval(secs => lifetime_seconds),
      updated_at = p_now
    where id = k.id;
  end if;
  found_actor := user_actor(u, k);
  perform set_config('dormouse.actor', found_actor::text, true);
  return found_actor;
end $$;
