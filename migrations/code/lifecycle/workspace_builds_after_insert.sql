-- Rejects a build that does not follow one that has ended, and copies the latest build's id,
-- number, transition and job status to its workspace.
--
-- So build numbers have no gaps and, as no job that has ended begins again, at most one build of a
-- workspace is active. The rejection is 23514 with a name, like that of a check constraint.
-- By transition table, so that a batch of a thousand builds is one update. The guard on the number
-- makes the copy idempotent and independent of the order.
create or replace function workspace_builds_after_insert() returns trigger
language plpgsql
as $$
begin
  -- First from the copies, which are at hand (3.6 ms per thousand builds). The builds and jobs
  -- themselves (10 ms) are read only if a copy says no, as for a build that ends in this statement.
  if exists (
    select from inserted n join workspaces w on w.id = n.workspace_id
    where w.latest_build_number <> n.build_number - 1 or job_is_active(w.latest_job_status)
  ) then
    if exists (
      select from inserted n
      left join workspace_builds p
        on p.workspace_id = n.workspace_id and p.build_number = n.build_number - 1
      left join provisioner_jobs j on j.id = p.job_id
      where n.build_number > 1 and (p.id is null or job_is_active(j.job_status))
    ) then
      raise exception 'a build must follow one that has ended'
        using errcode = 'check_violation', table = 'workspace_builds',
          constraint = 'workspace_builds_follow_an_ended_one';
    end if;
  end if;
  update workspaces w
  set latest_build_id = n.id,
      latest_build_number = n.build_number,
      latest_transition = n.transition,
      latest_job_status = j.job_status,
      check_at = case
        when w.deleted or w.owner_id = prebuilds_user_id() then null
        when job_is_active(j.job_status) then 'infinity'::timestamptz
        else '-infinity'::timestamptz end
  from (
    select distinct on (workspace_id) id, workspace_id, build_number, transition, job_id
    from inserted order by workspace_id, build_number desc
  ) n
  join provisioner_jobs j on j.id = n.job_id
  where w.id = n.workspace_id and w.latest_build_number < n.build_number;
  return null;
end $$;

create or replace trigger workspace_builds_after_insert
after insert on workspace_builds
referencing new table as inserted
for each statement execute function workspace_builds_after_insert();
