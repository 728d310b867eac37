-- Proves an agent's token, or raises.
create or replace function authenticate_agent(p_hashed_token bytea) returns jsonb
language plpgsql
as $$
declare
  found_actor jsonb;
begin
  select jsonb_build_object(
    'kind', 'agent', 'agent_id', a.id, 'workspace_id', w.id, 'build_id', b.id,
    'owner_id', w.owner_id, 'organization_id', w.organization_id, 'template_id', w.template_id)
  into found_actor
  from workspace_agents a
  join workspace_builds b on b.id = a.build_id
  join provisioner_jobs j on j.id = b.job_id
  join workspaces w on w.id = b.workspace_id
  where a.hashed_token = p_hashed_token and agent_may_connect(a, b, j, w);
  if not found then
    raise exception '%',
      'The agent cannot authenticate until the workspace provision job has been completed.'
      || ' If the job is no longer running, this agent is invalid.'
      using errcode = 'DM401', hint = 'agent';
  end if;
  perform set_config('dormouse.actor', found_actor::text, true);
  return found_actor;
end $$;
