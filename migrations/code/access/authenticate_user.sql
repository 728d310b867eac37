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
  if k.expires_at <= p_now then
    raise exception 'API key expired at "%".',
      to_char(k.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
      using errcode = 'DM401';
  end if;
  select * into u from users where id = k.user_id;
  if u.deleted or u.is_system then
    raise exception 'API key is invalid.' using errcode = 'DM401';
  end if;
  if u.status = 'suspended' then
    raise exception
      'User is not active (status = "suspended"). Contact an admin to reactivate your account.'
      using errcode = 'DM401', hint = 'message';
  end if;
  if k.last_used_at is null or k.last_used_at < p_now - interval '1 hour' or u.status = 'dormant'
  then
    update users set status = 'active', last_seen_at = greatest(last_seen_at, p_now),
      updated_at = case when status = 'dormant' then p_now else updated_at end
    where id = u.id and status <> 'suspended';
    update api_keys set last_used_at = greatest(last_used_at, p_now), ip = p_ip where id = k.id;
  end if;
  -- Sessions slide, at most once an hour; tokens and the keys that tokens create never do.
  if k.login_type <> 'token' and k.parent_key_id is null
    and k.expires_at <= p_now + make_interval(secs => k.lifetime_seconds) - interval '1 hour'
  then
    update api_keys set expires_at = p_now + make_interval(secs => lifetime_seconds),
      updated_at = p_now
    where id = k.id;
  end if;
  select jsonb_build_object(
    'kind', 'user', 'id', u.id, 'username', u.username,
    'roles', to_jsonb(u.site_roles || array['member']),
    'organizations', coalesce(
      jsonb_object_agg(m.organization_id,
        to_jsonb(m.roles || o.default_org_member_roles || array['organization-member']))
      filter (where m.organization_id is not null), '{}'),
    'key_id', k.id, 'login_type', k.login_type, 'scopes', to_jsonb(k.scopes),
    'allow_list', to_jsonb(k.allow_list))
  into found_actor
  from (select 1) one
  left join organization_members m on m.user_id = u.id
  left join organizations o on o.id = m.organization_id and not o.deleted;
  perform set_config('dormouse.actor', found_actor::text, true);
  return found_actor;
end $$;
