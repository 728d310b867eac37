-- What permission filters ask of the actor beyond roles: a token's scopes and allow list, and the roles of those who act
-- without being a person (src/access/permissions.ts).

-- A token's scopes narrow what its owner may do; other credentials have none to narrow by.
CREATE FUNCTION actor_has_scope(scopes text[]) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT coalesce(CASE actor() ->> 'kind' WHEN 'user' THEN actor() -> 'scopes' ?| scopes ELSE true END, false) $$;
--> statement-breakpoint
-- An allow list names single objects. An agent's is its workspace.
CREATE FUNCTION actor_allow_list_has(entries text[]) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT coalesce(CASE actor() ->> 'kind'
    WHEN 'user' THEN actor() -> 'allow_list' ?| entries
    WHEN 'agent' THEN 'workspace:' || (actor() ->> 'workspace_id') = ANY (entries)
    ELSE true END, false)
$$;
--> statement-breakpoint
-- The organizations in which the actor holds one of the roles; every membership holds organization-member, an agent and a
-- provisioner hold their own role where they belong.
CREATE OR REPLACE FUNCTION actor_organizations(roles text[]) RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT coalesce(array_agg(o.key::uuid), '{}')
  FROM jsonb_each(coalesce(CASE actor() ->> 'kind'
    WHEN 'user' THEN actor() -> 'organizations'
    WHEN 'agent' THEN jsonb_build_object(actor() ->> 'organization_id', '["system-agent"]'::jsonb)
    WHEN 'provisioner' THEN jsonb_build_object(actor() ->> 'organization_id', '["system-provisioner"]'::jsonb)
    END, '{}')) o
  WHERE o.value ?| roles
$$;
