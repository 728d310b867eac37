-- Whether a job has not ended. No lifecycle rule fires while a workspace's latest job is active.
create or replace function job_is_active(status text) returns boolean
language sql immutable parallel safe
as $$ select status in ('pending', 'running', 'canceling') $$;
