-- Rejects a person's change of access, or of a setting, without an audit row.
--
-- The audit rows of tokens and memberships are about the user. Those of provisioner keys and
-- webhooks are about the key or the webhook, those of a setting about the nil id. The sessions
-- that a workspace's start minted belong to the workspace, whose change is audited.
create or replace function access_is_audited() returns trigger
language plpgsql
as $$
declare
  changed jsonb := case tg_op when 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
  subject uuid := coalesce(
    changed ->> 'user_id', changed ->> 'id', '00000000-0000-0000-0000-000000000000');
begin
  if is_by_a_person() and not exists (
    select from audit_logs a
    where a.resource_id = subject and a.xmin = pg_current_xact_id()::xid
  ) then
    perform refuse_unaudited(tg_table_name);
  end if;
  return null;
end $$;

create or replace trigger api_keys_made_audited
after insert on api_keys
for each row when (new.workspace_id is null)
execute function access_is_audited();

create or replace trigger api_keys_removed_audited
after delete on api_keys
for each row when (old.workspace_id is null)
execute function access_is_audited();

create or replace trigger organization_members_made_audited
after insert or delete on organization_members
for each row execute function access_is_audited();

create or replace trigger organization_members_change_audited
after update of roles on organization_members
for each row when (old.roles is distinct from new.roles)
execute function access_is_audited();

create or replace trigger site_configs_made_audited
after insert on site_configs
for each row when (new.key in ('prebuilds_settings', 'appearance', 'health_settings'))
execute function access_is_audited();

create or replace trigger site_configs_change_audited
after update of value on site_configs
for each row when (
  new.key in ('prebuilds_settings', 'appearance', 'health_settings')
  and old.value is distinct from new.value
)
execute function access_is_audited();

create or replace trigger provisioner_keys_made_audited
after insert or delete on provisioner_keys
for each row execute function access_is_audited();

create or replace trigger notification_webhooks_made_audited
after insert or delete on notification_webhooks
for each row execute function access_is_audited();
