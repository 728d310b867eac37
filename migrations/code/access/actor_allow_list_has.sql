-- Whether the actor's allow list has one of the entries. An allow list names single objects; an
-- agent's is its workspace.
create or replace function actor_allow_list_has(entries text[]) returns boolean
language sql stable parallel safe
as $$
  select coalesce(case actor() ->> 'kind'
    when 'user' then actor() -> 'allow_list' ?| entries
    when 'agent' then 'workspace:' || (actor() ->> 'workspace_id') = any (entries)
    else true end, false)
$$;
