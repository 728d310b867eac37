-- The user whom the transaction acts for.
create or replace function actor_id() returns uuid
language sql stable parallel safe
as $$ select (actor() ->> 'id')::uuid $$;
