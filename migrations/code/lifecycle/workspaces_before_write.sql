-- Maintains the columns of a workspace that follow from others, before the row is written. That
-- costs no second write and touches no other row.
--
-- 1. The owner's name is copied, for lists.
-- 2. next_start_at is cleared if the schedule changed without it, or if the workspace is dormant.
--    A trigger cannot see that a statement wrote the value that was there. A statement that did
--    names the workspace in the setting dormouse.next_start_of, which ends with its transaction.
-- 3. check_at is null for prebuilds and deleted workspaces. An edit that can bring an event
--    nearer makes the workspace dirty. It does not if the writer set a bound, or if a build is
--    active, whose end marks the workspace.
create or replace function workspaces_before_write() returns trigger
language plpgsql
as $$
begin
  if tg_op = 'INSERT' or new.owner_id <> old.owner_id then
    select username into new.owner_name from users where id = new.owner_id;
  end if;
  if new.dormant_at is not null then
    new.next_start_at := null;
  elsif tg_op = 'UPDATE' and new.autostart_schedule is distinct from old.autostart_schedule
    and new.next_start_at is not distinct from old.next_start_at
    and coalesce(current_setting('dormouse.next_start_of', true), '') <> new.id::text
  then
    new.next_start_at := null;
  end if;
  if new.deleted or new.owner_id = prebuilds_user_id() then
    new.check_at := null;
  elsif tg_op = 'INSERT' then
    new.check_at := coalesce(new.check_at, '-infinity');
  elsif old.check_at is null then
    new.check_at := coalesce(new.check_at, '-infinity');
  elsif new.check_at is not distinct from old.check_at and old.check_at < 'infinity' then
    new.check_at := '-infinity';
  end if;
  return new;
end $$;

create or replace trigger workspaces_before_insert
before insert on workspaces
for each row execute function workspaces_before_write();

-- Not on last_used_at: a heartbeat must remain a heap-only update that marks nothing.
create or replace trigger workspaces_before_update
before update of owner_id, autostart_schedule, ttl_ms, next_start_at, dormant_at, deleting_at,
  automatic_updates, deleted on workspaces
for each row execute function workspaces_before_write();
