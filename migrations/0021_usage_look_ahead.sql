-- Keys in use, the newest first: a usage shard that knows too little of its callers reads what is likely to come. A key moves in it once an hour.
CREATE INDEX "api_keys_last_used" ON "api_keys" USING btree ("last_used_at");
--> statement-breakpoint

-- The same hash in less than half of the time: over bytes, which are found at once, where a character is counted to from the start.
CREATE OR REPLACE FUNCTION stable_hash(id text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  hash bigint := 2166136261;
  bytes bytea := convert_to(id, 'UTF8');
BEGIN
  FOR i IN 0..length(bytes) - 1 LOOP
    hash := ((hash # get_byte(bytes, i)) * 16777619) & 4294967295;
  END LOOP;
  RETURN hash;
END $$;
