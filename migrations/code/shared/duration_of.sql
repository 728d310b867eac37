-- A stored duration as an interval, at most 3,650 days.
--
-- The API rejects longer durations. One that is stored all the same must not fail a batch that
-- carries other rows.
create or replace function duration_of(duration_ms bigint) returns interval
language sql immutable parallel safe
as $$ select least(duration_ms, 315360000000) * interval '1 millisecond' $$;
