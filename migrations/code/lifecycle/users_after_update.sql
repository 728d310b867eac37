-- Copies an owner's name to the workspaces, and marks them dirty when the owner's status changes,
-- which decides over autostart and the forced stop.
create or replace function users_after_update() returns trigger
language plpgsql
as $$
begin
  if new.username <> old.username then
    update workspaces set owner_name = new.username where owner_id = new.id;
  end if;
  if new.status <> old.status then
    update workspaces set check_at = '-infinity'
    where owner_id = new.id and not deleted and check_at > '-infinity' and check_at < 'infinity';
  end if;
  return null;
end $$;

create or replace trigger users_after_update
after update of username, status on users
for each row
when (old.username <> new.username or old.status <> new.status)
execute function users_after_update();
