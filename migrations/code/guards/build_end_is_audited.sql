-- Rejects the end of a build by a daemon without an audit row, which names the build's initiator.
create or replace function build_end_is_audited() returns trigger
language plpgsql
as $$
begin
  if actor() ->> 'kind' = 'provisioner' and exists (
    select from workspace_builds b
    where b.job_id = new.id and not exists (
      select from audit_logs a
      where a.resource_id = b.id and a.xmin = pg_current_xact_id()::xid)
  ) then
    raise exception 'the end of a build must be audited'
      using errcode = 'check_violation', table = 'provisioner_jobs',
        constraint = 'provisioner_jobs_end_audited';
  end if;
  return null;
end $$;

create or replace trigger provisioner_jobs_end_audited
after update of completed_at on provisioner_jobs
for each row
when (old.completed_at is null and new.completed_at is not null and new.type = 'workspace_build')
execute function build_end_is_audited();
