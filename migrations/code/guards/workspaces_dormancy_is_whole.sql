-- Rejects a dormancy without its consequences. A workspace that becomes dormant has its audit row
-- in the same transaction, whatever caused it. If nobody authenticated, the lifecycle caused it:
-- then the owner is notified, and a running workspace is stopped.
--
-- By row, since only rows that become dormant matter: a transition table would hold every
-- heartbeat.
create or replace function workspaces_dormancy_is_whole() returns trigger
language plpgsql
as $$
begin
  if not exists (
    select from audit_logs a
    where a.resource_id = new.id and a.resource_type = 'workspace'
      and a.xmin = pg_current_xact_id()::xid
  ) then
    raise exception 'a dormancy must be audited'
      using errcode = 'check_violation', table = 'workspaces',
        constraint = 'workspaces_dormancy_is_audited';
  end if;
  if actor() is null and not exists (
    select from notification_messages m
    where m.idempotency_key =
      'dormant:' || new.id || ':' || extract(epoch from new.dormant_at)
  ) then
    raise exception 'a dormancy must be notified'
      using errcode = 'check_violation', table = 'workspaces',
        constraint = 'workspaces_dormancy_is_notified';
  end if;
  if actor() is null and (
    select b.transition from workspace_builds b
    where b.workspace_id = new.id order by b.build_number desc limit 1
  ) = 'start' then
    raise exception 'a dormancy must stop what runs'
      using errcode = 'check_violation', table = 'workspaces',
        constraint = 'workspaces_dormancy_stops';
  end if;
  return null;
end $$;

create or replace trigger workspaces_dormancy_is_whole
after update of dormant_at on workspaces
for each row
when (old.dormant_at is null and new.dormant_at is not null)
execute function workspaces_dormancy_is_whole();
