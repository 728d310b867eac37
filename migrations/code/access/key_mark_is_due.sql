-- Whether a use of a key is recorded: at most once an hour, so that requests write no rows.
create or replace function key_mark_is_due(last_used_at timestamptz, used_at timestamptz)
returns boolean
language sql stable parallel safe
as $$ select last_used_at is null or last_used_at < used_at - interval '1 hour' $$;
