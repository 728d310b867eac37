-- Whether a daemon with these tags may run a job with those.
--
-- An untagged job runs only on an untagged daemon. Any other job runs on a daemon that has each of
-- its tags.
create or replace function tags_match(job_tags jsonb, daemon_tags jsonb) returns boolean
language sql immutable parallel safe
as $$
  select case when job_tags = '{"scope": "organization", "owner": ""}'
    then daemon_tags = '{"scope": "organization", "owner": ""}'
    else daemon_tags @> job_tags end
$$;
