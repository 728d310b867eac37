-- The actor that a user is with a key. In PL/pgSQL, whose plans live as long as the connection.
create or replace function user_actor(u users, k api_keys) returns jsonb
language plpgsql stable
as $$
begin
  return jsonb_build_object(
    'kind', 'user', 'id', u.id, 'username', u.username,
    'roles', to_jsonb(held_site_roles(u.site_roles)),
    'organizations', (
      select coalesce(
        jsonb_object_agg(m.organization_id,
          to_jsonb(held_organization_roles(m.roles, o.default_org_member_roles))), '{}')
      from organization_members m
      join organizations o on o.id = m.organization_id and not o.deleted
      where m.user_id = u.id),
    'key_id', k.id, 'login_type', k.login_type, 'scopes', to_jsonb(k.scopes),
    'allow_list', to_jsonb(k.allow_list));
end $$;
