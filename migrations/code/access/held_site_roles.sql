-- The site roles that a user holds. Everybody is a member.
create or replace function held_site_roles(site_roles text[]) returns text[]
language sql immutable parallel safe
as $$ select site_roles || 'member'::text $$;
