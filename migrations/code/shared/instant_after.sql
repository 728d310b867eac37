-- The instant that is a duration after another.
--
-- Template durations have no upper bound. One that is too long must not fail a batch, so it counts
-- as 292 years.
create or replace function instant_after(at timestamptz, duration_ms bigint) returns timestamptz
language sql immutable parallel safe
as $$ select at + least(duration_ms, 9223372036854) * interval '1 millisecond' $$;
