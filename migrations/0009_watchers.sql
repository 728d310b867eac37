-- Whether a watcher's session still holds, asked each minute long after it was presented. It makes the session the transaction's
-- actor, as authenticate_user does, or nobody; unlike there nothing is written, so that watching keeps no session alive.
CREATE FUNCTION watch_as(p_key_id text, p_now timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  found_actor jsonb;
BEGIN
  SELECT jsonb_build_object(
    'kind', 'user', 'id', u.id, 'username', u.username, 'roles', to_jsonb(u.site_roles || array['member']),
    'organizations', (
      SELECT coalesce(jsonb_object_agg(m.organization_id, to_jsonb(m.roles || o.default_org_member_roles || array['organization-member'])), '{}')
      FROM organization_members m JOIN organizations o ON o.id = m.organization_id AND NOT o.deleted
      WHERE m.user_id = u.id),
    'key_id', k.id, 'login_type', k.login_type, 'scopes', to_jsonb(k.scopes), 'allow_list', to_jsonb(k.allow_list))
  INTO found_actor
  FROM api_keys k JOIN users u ON u.id = k.user_id
  WHERE k.id = p_key_id AND k.expires_at > p_now AND NOT u.deleted AND NOT u.is_system AND u.status <> 'suspended';
  PERFORM set_config('dormouse.actor', coalesce(found_actor::text, ''), true);
  RETURN found_actor IS NOT NULL;
END $$;
