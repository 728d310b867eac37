-- The parameters of a build by name, as [{"name", "value"}, ...].
create or replace function build_parameters_json(p_build uuid) returns jsonb
language sql stable
as $$
  select coalesce(
    jsonb_agg(jsonb_build_object('name', p.name, 'value', p.value) order by p.name), '[]')
  from workspace_build_parameters p where p.workspace_build_id = p_build
$$;
