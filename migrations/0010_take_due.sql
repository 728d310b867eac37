-- The next workspaces of a tick, locked: at most half of them from those that were marked, so that one policy edit over 100,000
-- workspaces does not starve the stops whose time has come; the rest by time. Rows that another statement holds are left to it.
--
-- A function and not a part of the statement, for the planner's sake: what is due is a sliver of the table, so it expects a row or two
-- and joins the batch's intermediate results by nested loops, a million comparisons each. Here it is told to expect a thousand
-- (1,000 transitions: 1.1 s before, 0.3 s after).
CREATE FUNCTION take_due(p_now timestamptz, p_size integer) RETURNS TABLE (id uuid, row_version tid)
LANGUAGE plpgsql VOLATILE ROWS 1000 AS $$
BEGIN
  RETURN QUERY
  WITH dirty AS MATERIALIZED (
    SELECT w.id, w.ctid FROM workspaces w
    WHERE w.check_at = '-infinity' ORDER BY w.id LIMIT p_size / 2 FOR UPDATE SKIP LOCKED
  ), timed AS MATERIALIZED (
    SELECT w.id, w.ctid FROM workspaces w
    WHERE w.check_at > '-infinity' AND w.check_at <= p_now
    ORDER BY w.check_at, w.id LIMIT p_size - (SELECT count(*) FROM dirty) FOR UPDATE SKIP LOCKED
  )
  SELECT d.id, d.ctid FROM dirty d UNION ALL SELECT t.id, t.ctid FROM timed t;
END $$;
