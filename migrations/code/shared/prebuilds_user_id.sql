-- The id of the user who owns prebuilds and initiates their builds.
--
-- Constraints and indexes repeat it, because a numbered file must not depend on a function.
create or replace function prebuilds_user_id() returns uuid
language sql immutable parallel safe
as $$ select 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid $$;
