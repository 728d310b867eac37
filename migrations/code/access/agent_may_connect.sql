-- Whether an agent may connect: one of the latest build and, while the stop that directly follows a
-- succeeded start is pending or running, one of that start.
create or replace function agent_may_connect(
  a workspace_agents, b workspace_builds, j provisioner_jobs, w workspaces
) returns boolean
language sql immutable parallel safe
as $$
  select not a.deleted and not w.deleted
    and (w.latest_build_id = b.id
      or (b.transition = 'start' and j.job_status = 'succeeded'
        and w.latest_build_number = b.build_number + 1
        and w.latest_transition = 'stop' and w.latest_job_status in ('pending', 'running')))
$$;
