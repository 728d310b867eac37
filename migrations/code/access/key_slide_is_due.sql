-- Whether a use of a session moves its end: at most once an hour. Tokens and the keys that tokens
-- create never slide.
create or replace function key_slide_is_due(k api_keys, used_at timestamptz) returns boolean
language sql stable parallel safe
as $$
  select k.login_type <> 'token' and k.parent_key_id is null
    and k.expires_at <= used_at + make_interval(secs => k.lifetime_seconds) - interval '1 hour'
$$;
