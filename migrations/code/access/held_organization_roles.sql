-- The roles that a membership holds: its own, the organization's defaults, and organization-member.
create or replace function held_organization_roles(member_roles text[], default_roles text[])
returns text[]
language sql immutable parallel safe
as $$ select member_roles || default_roles || 'organization-member'::text $$;
