-- Whether a next start must be computed again before a workspace may start on it.
--
-- It is stale if it was never computed, or if the template no longer allows its day. It is also
-- stale if it is not after the creation of the last stop: then it was computed for an earlier one.
-- stop_created_at is null if the last build is not a stop.
create or replace function is_next_start_stale(
  next_start_at timestamptz, stop_created_at timestamptz, schedule text, days integer
) returns boolean
language sql stable
as $$
  select next_start_at is null or coalesce(next_start_at <= stop_created_at, false)
    or (days < 127 and not is_allowed_start(next_start_at, schedule, days))
$$;
