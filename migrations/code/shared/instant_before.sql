-- The instant that is a duration before another; see duration_of for its upper bound.
create or replace function instant_before(at timestamptz, duration_ms bigint) returns timestamptz
language sql immutable parallel safe
as $$ select at - duration_of(duration_ms) $$;
