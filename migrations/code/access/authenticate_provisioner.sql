-- Proves a provisioner key, or raises.
create or replace function authenticate_provisioner(p_hashed_secret bytea) returns jsonb
language plpgsql
as $$
declare
  found_actor jsonb;
begin
  select jsonb_build_object(
    'kind', 'provisioner', 'key_id', k.id, 'key_name', k.name,
    'organization_id', k.organization_id, 'tags', k.tags)
  into found_actor
  from provisioner_keys k where k.hashed_secret = p_hashed_secret;
  if not found then
    raise exception 'The provisioner key is invalid or has been deleted.'
      using errcode = 'DM401', hint = 'provisioner';
  end if;
  perform set_config('dormouse.actor', found_actor::text, true);
  return found_actor;
end $$;
