-- Which shards of the usage tracker a tick could not flush, so that explain can say that a rule waits for them. Null where no shard was asked.
ALTER TABLE "lifecycle_ticks" ADD COLUMN "unflushed_shards" integer[];--> statement-breakpoint
-- How far the workspaces of a template have followed its change, so that the next tick goes on there and not from the beginning.
ALTER TABLE "templates" ADD COLUMN "schedule_followed_to" uuid;
