-- Whether the actor's token has one of the scopes. Scopes narrow what a token's owner may do; other
-- credentials have none, so nothing is narrowed.
create or replace function actor_has_scope(scopes text[]) returns boolean
language sql stable parallel safe
as $$
  select coalesce(
    case actor() ->> 'kind' when 'user' then actor() -> 'scopes' ?| scopes else true end,
    false)
$$;
