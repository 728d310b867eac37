-- Rejects what a person creates without an audit row.
create or replace function made_is_audited() returns trigger
language plpgsql
as $$
begin
  if is_by_a_person() and exists (
    select from inserted n
    where not exists (select from audit_logs a where a.resource_id = n.id)
  ) then
    perform refuse_unaudited(tg_table_name);
  end if;
  return null;
end $$;

create or replace trigger users_made_audited
after insert on users
referencing new table as inserted
for each statement execute function made_is_audited();

create or replace trigger workspaces_made_audited
after insert on workspaces
referencing new table as inserted
for each statement execute function made_is_audited();

create or replace trigger templates_made_audited
after insert on templates
referencing new table as inserted
for each statement execute function made_is_audited();

create or replace trigger template_versions_made_audited
after insert on template_versions
referencing new table as inserted
for each statement execute function made_is_audited();
