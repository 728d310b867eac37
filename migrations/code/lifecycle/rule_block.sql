-- What makes a due rule wait; null if it may act. The tick acts on it and explain shows it.
--
-- is_used:  use of the workspace may still be in a buffer of the usage tracker.
-- is_other: the rule builds another version than that of the last build. Whether the last build's
--           parameters fit it is not known here, so not_prepared means that it must be computed.
-- p_grace_end: an autostop that was due before it has waited long enough for use.
create or replace function rule_block(
  job_status text, rule text, due_at timestamptz, transition text, is_used boolean,
  is_ready boolean, is_alive boolean, is_other boolean, p_grace_end timestamptz
) returns text
language sql immutable parallel safe
as $$
  select case
    when job_is_active(job_status) then 'build_in_progress'
    when is_used
      and (rule in ('dormancy', 'auto_delete') or (rule = 'autostop' and due_at > p_grace_end))
      then 'usage_not_flushed'
    when transition is null then null
    when is_ready is not true then 'version_not_ready'
    when is_alive is not true then 'no_provisioner'
    when is_other then 'not_prepared'
  end
$$;
