-- FNV-1a of an id, 32 bits: the same number as stableHash() in src/platform/hash.ts, so that a
-- statement can leave out the workspaces of some shards.
--
-- Over bytes and not over characters: a character is found by counting from the start, which took
-- more than twice as long.
create or replace function stable_hash(id text) returns bigint
language plpgsql immutable parallel safe
as $$
declare
  hash bigint := 2166136261;
  bytes bytea := convert_to(id, 'UTF8');
begin
  for i in 0..length(bytes) - 1 loop
    hash := ((hash # get_byte(bytes, i)) * 16777619) & 4294967295;
  end loop;
  return hash;
end $$;
