-- Makes the user of a key the transaction's actor, or nobody, and returns whether the key is good.
--
-- A watcher's session is checked each minute, long after its secret was presented. Nothing is
-- written, unlike in authenticate_user, so that watching does not keep a session alive.
create or replace function watch_as(p_key_id text, p_now timestamptz) returns boolean
language plpgsql
as $$
declare
  k api_keys%rowtype;
  u users%rowtype;
  found_actor jsonb;
begin
  select * into k from api_keys where id = p_key_id;
  select * into u from users where id = k.user_id;
  if found and key_problem(k.expires_at, u.deleted, u.is_system, u.status, p_now) is null then
    found_actor := user_actor(u, k);
  end if;
  perform set_config('dormouse.actor', coalesce(found_actor::text, ''), true);
  return found_actor is not null;
end $$;
