-- Copies the status of a build's job to the workspace, and marks the workspace dirty when the job
-- ends. The condition excludes leases and log counts.
create or replace function provisioner_jobs_after_status() returns trigger
language plpgsql
as $$
begin
  update workspaces w
  set latest_job_status = new.job_status,
      check_at = case
        when w.deleted or w.owner_id = prebuilds_user_id() then null
        when job_is_active(new.job_status) then 'infinity'::timestamptz
        else '-infinity'::timestamptz end
  from workspace_builds b
  where b.job_id = new.id and w.latest_build_id = b.id;
  return null;
end $$;

create or replace trigger provisioner_jobs_after_status
after update on provisioner_jobs
for each row
when (old.job_status is distinct from new.job_status and new.type = 'workspace_build')
execute function provisioner_jobs_after_status();
