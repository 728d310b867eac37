-- Rejects a second end of a job.
--
-- Like each guard it reports 23514 with a name, as a check constraint would.
create or replace function provisioner_jobs_end_once() returns trigger
language plpgsql
as $$
begin
  raise exception 'a job ends once'
    using errcode = 'check_violation', table = 'provisioner_jobs',
      constraint = 'provisioner_jobs_end_once';
end $$;

create or replace trigger provisioner_jobs_end_once
before update of completed_at on provisioner_jobs
for each row
when (old.completed_at is not null and new.completed_at is distinct from old.completed_at)
execute function provisioner_jobs_end_once();
