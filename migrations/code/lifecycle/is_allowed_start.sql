-- Whether an instant is on one of the days (bit 0 is Monday) on the clock of the schedule's zone.
--
-- A next start is trusted only on a day that the template allows. When the days change, every next
-- start follows, but in batches and after the change. A tick in between, or a change that was
-- written to the table by hand, would have started workspaces on a blocked day.
-- Returns true if the database does not know the zone: one row must not fail a batch, and the code
-- that computed the instant knew the zone.
create or replace function is_allowed_start(at timestamptz, schedule text, days integer)
returns boolean
language plpgsql stable
as $$
declare
  zone text := coalesce(nullif(substring(schedule from '^CRON_TZ=([^ ]*)'), ''), 'UTC');
begin
  return (days >> (extract(isodow from at at time zone zone)::integer - 1)) & 1 = 1;
exception when invalid_parameter_value then
  return true;
end $$;
