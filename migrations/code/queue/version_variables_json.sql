-- The variables of a version with their values, by name.
--
-- `given`: the author of the version set the value. Otherwise it is the template's own default, or
-- empty, and files of the archive may set another.
create or replace function version_variables_json(p_version uuid) returns jsonb
language sql stable
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'name', x.name, 'value', x.value, 'sensitive', x.sensitive,
    'given', coalesce(i.input -> 'user_variable_values', '[]')
      @> jsonb_build_array(jsonb_build_object('name', x.name))) order by x.name), '[]')
  from template_version_variables x
  join template_versions v on v.id = x.template_version_id
  join provisioner_jobs i on i.id = v.job_id
  where x.template_version_id = p_version
$$;
