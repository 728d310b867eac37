-- Records each status of a user, for the counts of past days. The instant is the row's own; no
-- clock is read.
create or replace function users_after_status() returns trigger
language plpgsql
as $$
begin
  insert into user_status_changes (user_id, new_status, changed_at)
  values (new.id, case when new.deleted then 'deleted' else new.status end,
    case when tg_op = 'INSERT' then new.created_at else new.updated_at end);
  return null;
end $$;

create or replace trigger users_after_insert_status
after insert on users
for each row when (not new.is_system)
execute function users_after_status();

create or replace trigger users_after_update_status
after update of status, deleted on users
for each row
when (not new.is_system and (new.status, new.deleted) is distinct from (old.status, old.deleted))
execute function users_after_status();
