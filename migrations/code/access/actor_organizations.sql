-- The organizations in which the actor holds one of the roles.
--
-- Every membership holds organization-member. An agent and a provisioner hold a role of their own
-- in the organization that they belong to.
create or replace function actor_organizations(roles text[]) returns uuid[]
language sql stable parallel safe
as $$
  select coalesce(array_agg(o.key::uuid), '{}')
  from jsonb_each(coalesce(case actor() ->> 'kind'
    when 'user' then actor() -> 'organizations'
    when 'agent' then
      jsonb_build_object(actor() ->> 'organization_id', '["system-agent"]'::jsonb)
    when 'provisioner' then
      jsonb_build_object(actor() ->> 'organization_id', '["system-provisioner"]'::jsonb)
    end, '{}')) o
  where o.value ?| roles
$$;
