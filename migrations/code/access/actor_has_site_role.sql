-- Whether the actor holds one of the site roles.
create or replace function actor_has_site_role(roles text[]) returns boolean
language sql stable parallel safe
as $$ select coalesce(actor() -> 'roles' ?| roles, false) $$;
