-- Rejects a person's change of access or of the lifecycle without an audit row in the same
-- transaction.
create or replace function change_is_audited() returns trigger
language plpgsql
as $$
begin
  if is_by_a_person() and not exists (
    select from audit_logs a
    where a.resource_id = new.id and a.xmin = pg_current_xact_id()::xid
  ) then
    perform refuse_unaudited(tg_table_name);
  end if;
  return null;
end $$;

create or replace trigger users_change_audited
after update of status, site_roles, deleted, hashed_password on users
for each row
when ((old.status, old.site_roles, old.deleted, old.hashed_password)
  is distinct from (new.status, new.site_roles, new.deleted, new.hashed_password))
execute function change_is_audited();

-- Of dormancy only whether, not since when: a template's change may move that of all its
-- workspaces, and is itself audited.
create or replace trigger workspaces_change_audited
after update of name, autostart_schedule, dormant_at, automatic_updates on workspaces
for each row
when ((old.name, old.autostart_schedule, old.dormant_at is null, old.automatic_updates)
  is distinct from
  (new.name, new.autostart_schedule, new.dormant_at is null, new.automatic_updates))
execute function change_is_audited();

create or replace trigger templates_change_audited
after update on templates
for each row
when (old.name <> new.name or template_policy(old) is distinct from template_policy(new))
execute function change_is_audited();

create or replace trigger template_versions_change_audited
after update of name, message, archived on template_versions
for each row
when ((old.name, old.message, old.archived) is distinct from (new.name, new.message, new.archived))
execute function change_is_audited();
