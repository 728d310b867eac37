-- Who the transaction acts for, or null if nobody authenticated in it (seeds, sweeps, ticks).
--
-- The first statement of a request's transaction authenticates and publishes the actor as the
-- setting dormouse.actor. Permission filters read it here.
create or replace function actor() returns jsonb
language sql stable parallel safe
as $$ select nullif(current_setting('dormouse.actor', true), '')::jsonb $$;
