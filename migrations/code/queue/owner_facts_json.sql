-- The facts of a person that a template may ask for, with groups and roles in one organization.
--
-- Roles of the whole site have an empty org_id.
create or replace function owner_facts_json(p_user uuid, p_organization uuid) returns jsonb
language sql stable
as $$
  select jsonb_build_object(
    'id', u.id, 'username', u.username, 'email', u.email, 'name', u.name,
    'login_type', u.login_type,
    'groups', (
      select coalesce(jsonb_agg(g.name order by g.name), '[]')
      from group_members m join groups g on g.id = m.group_id
      where m.user_id = u.id and g.organization_id = p_organization),
    'roles', (
      select coalesce(jsonb_agg(
        jsonb_build_object('name', r.name, 'org_id', r.org_id) order by r.org_id, r.name), '[]')
      from (
        select unnest(u.site_roles) as name, '' as org_id
        union
        select unnest(m.roles), m.organization_id::text
        from organization_members m
        where m.user_id = u.id and m.organization_id = p_organization
      ) r))
  from users u where u.id = p_user
$$;
