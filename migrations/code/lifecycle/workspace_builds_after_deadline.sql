-- Moves a workspace's bound when a deadline of its latest build changes.
--
-- A deadline that moves away can bring a reminder nearer, since each deadline has its own. Any
-- other change can bring an event nearer and marks the workspace dirty.
create or replace function workspace_builds_after_deadline() returns trigger
language plpgsql
as $$
begin
  if new.deadline > old.deadline and new.max_deadline is not distinct from old.max_deadline then
    update workspaces w
    set check_at = least(w.check_at, instant_before(new.deadline, t.time_til_autostop_notify_ms))
    from templates t
    where w.latest_build_id = new.id and t.id = w.template_id
      and t.time_til_autostop_notify_ms > 0
      and w.check_at > instant_before(new.deadline, t.time_til_autostop_notify_ms)
      and w.check_at < 'infinity';
  else
    update workspaces set check_at = '-infinity'
    where latest_build_id = new.id and check_at > '-infinity' and check_at < 'infinity';
  end if;
  return null;
end $$;

create or replace trigger workspace_builds_after_deadline
after update of deadline, max_deadline on workspace_builds
for each row
when ((old.deadline, old.max_deadline) is distinct from (new.deadline, new.max_deadline))
execute function workspace_builds_after_deadline();
