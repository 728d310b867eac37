-- The instant that is a duration after another; see duration_of for its upper bound.
create or replace function instant_after(at timestamptz, duration_ms bigint) returns timestamptz
language sql immutable parallel safe
as $$ select at + duration_of(duration_ms) $$;
