-- Whether a user authenticated in this transaction. What a person creates, or changes about access
-- or the lifecycle, has an audit row in the same transaction. Seeds, sweeps and daemons write rows
-- of their own, and the audit guards cost them nothing.
create or replace function is_by_a_person() returns boolean
language sql stable
as $$ select coalesce(actor() ->> 'kind' = 'user', false) $$;
