-- Makes the user of a key the transaction's actor, or nobody, and returns whether the key is good.
--
-- A watcher's session is checked each minute, long after its secret was presented. Nothing is
-- written, unlike in authenticate_user, so that watching does not keep a session alive.
create or replace function watch_as(p_key_id text, p_now timestamptz) returns boolean
language plpgsql
as $$
declare
  found_actor jsonb;
begin
  select jsonb_build_object(
    'kind', 'user', 'id', u.id, 'username', u.username,
    'roles', to_jsonb(u.site_roles || array['member']),
    'organizations', (
      select coalesce(
        jsonb_object_agg(m.organization_id,
          to_jsonb(m.roles || o.default_org_member_roles || array['organization-member'])), '{}')
      from organization_members m
      join organizations o on o.id = m.organization_id and not o.deleted
      where m.user_id = u.id),
    'key_id', k.id, 'login_type', k.login_type, 'scopes', to_jsonb(k.scopes),
    'allow_list', to_jsonb(k.allow_list))
  into found_actor
  from api_keys k join users u on u.id = k.user_id
  where k.id = p_key_id and k.expires_at > p_now and not u.deleted and not u.is_system
    and u.status <> 'suspended';
  perform set_config('dormouse.actor', coalesce(found_actor::text, ''), true);
  return found_actor is not null;
end $$;
