-- Rejects a change of a table by a person that has no audit row.
create or replace function refuse_unaudited(p_table text) returns void
language plpgsql
as $$
begin
  raise exception 'what a person changes must be audited'
    using errcode = 'check_violation', table = p_table, constraint = p_table || '_audited';
end $$;
