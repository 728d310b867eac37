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
after update on templates
for each row
when (template_policy(old) is distinct from template_policy(new))
execute function templates_after_policy();
