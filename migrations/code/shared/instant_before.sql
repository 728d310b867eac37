-- The instant that is a duration before another. A longer duration than 292 years counts as that.
create or replace function instant_before(at timestamptz, duration_ms bigint) returns timestamptz
language sql immutable parallel safe
as $$ select at - least(duration_ms, 9223372036854) * interval '1 millisecond' $$;
