-- Rejects a person's change of a TTL without an audit row. A TTL is changed by hand, or follows its
-- template's change; then that is audited.
create or replace function ttl_is_audited() returns trigger
language plpgsql
as $$
begin
  if is_by_a_person() and not exists (
    select from audit_logs a
    where a.resource_id = new.id and a.xmin = pg_current_xact_id()::xid
  ) and not exists (
    select from audit_logs a
    where a.resource_id = new.template_id and a.xmin = pg_current_xact_id()::xid
  ) then
    perform refuse_unaudited(tg_table_name);
  end if;
  return null;
end $$;

create or replace trigger workspaces_ttl_change_audited
after update of ttl_ms on workspaces
for each row
when (old.ttl_ms is distinct from new.ttl_ms)
execute function ttl_is_audited();
