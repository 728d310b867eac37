-- Marks the workspaces of a template dirty when its policy changes, or the version that they may
-- have to start with.
create or replace function templates_after_policy() returns trigger
language plpgsql
as $$
begin
  update workspaces set check_at = '-infinity'
  where template_id = new.id and not deleted and check_at > '-infinity' and check_at < 'infinity';
  return null;
end $$;

create or replace trigger templates_after_policy
after update of active_version_id, activity_bump_ms, time_til_autostop_notify_ms,
  allow_user_autostart, failure_ttl_ms, time_til_dormant_ms, time_til_dormant_autodelete_ms,
  autostart_days, require_active_version, deleted on templates
for each row
when (
  (old.active_version_id, old.activity_bump_ms, old.time_til_autostop_notify_ms,
    old.allow_user_autostart, old.failure_ttl_ms, old.time_til_dormant_ms,
    old.time_til_dormant_autodelete_ms, old.autostart_days, old.require_active_version,
    old.deleted)
  is distinct from
  (new.active_version_id, new.activity_bump_ms, new.time_til_autostop_notify_ms,
    new.allow_user_autostart, new.failure_ttl_ms, new.time_til_dormant_ms,
    new.time_til_dormant_autodelete_ms, new.autostart_days, new.require_active_version,
    new.deleted))
execute function templates_after_policy();
