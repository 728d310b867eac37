-- The next workspaces of a tick, locked. At most half of them are dirty ones, so that one policy
-- edit over 100,000 workspaces does not starve the stops that are due; the rest is taken by time.
-- Rows that another statement holds are skipped.
--
-- A function and not a part of the statement, for the planner. What is due is a sliver of the
-- table, so the planner expects one or two rows. It then joins the batch's intermediate results by
-- nested loops, a million comparisons each. Here it expects a thousand (1,000 transitions: 1.1 s
-- before, 0.3 s after).
create or replace function take_due(p_now timestamptz, p_size integer)
returns table (id uuid, row_version tid)
language plpgsql volatile rows 1000
as $$
begin
  return query
  with dirty as materialized (
    select w.id, w.ctid from workspaces w
    where w.check_at = '-infinity' order by w.id limit p_size / 2 for update skip locked
  ), timed as materialized (
    select w.id, w.ctid from workspaces w
    where w.check_at > '-infinity' and w.check_at <= p_now
    order by w.check_at, w.id
    limit p_size - (select count(*) from dirty) for update skip locked
  )
  select d.id, d.ctid from dirty d union all select t.id, t.ctid from timed t;
end $$;
