-- How far an instant is away, in words: `3 days from now`.
--
-- For labels that are written by the statement that causes them.
create or replace function relative_time(from_now_ms bigint) returns text
language sql immutable parallel safe
as $$
  select case
    when s < 1 then 'now'
    else case
      when s < 2 then '1 second'
      when s < 60 then s || ' seconds'
      when s < 120 then '1 minute'
      when s < 3600 then s / 60 || ' minutes'
      when s < 7200 then '1 hour'
      when s < 86400 then s / 3600 || ' hours'
      when s < 172800 then '1 day'
      when s < 604800 then s / 86400 || ' days'
      when s < 1209600 then '1 week'
      when s < 2592000 then s / 604800 || ' weeks'
      when s < 5184000 then '1 month'
      when s < 31104000 then s / 2592000 || ' months'
      when s < 46656000 then '1 year'
      when s < 62208000 then '2 years'
      when s < 1150848000 then s / 31104000 || ' years'
      else 'a long while' end || case when from_now_ms > 0 then ' from now' else ' ago' end
    end
  from (select abs(from_now_ms) / 1000 as s) seconds
$$;
