-- The order in which jobs are taken: people first, then prebuilds that are given back (they free a machine), then new ones.
CREATE FUNCTION job_rank(initiator_id uuid, input jsonb) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN initiator_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0' THEN 0 WHEN input @> '{"prebuild_delete": true}' THEN 1 ELSE 2 END $$;
--> statement-breakpoint
DROP INDEX "provisioner_jobs_queue";--> statement-breakpoint
CREATE INDEX "provisioner_jobs_queue" ON "provisioner_jobs" USING btree ("organization_id",job_rank("initiator_id", "input"),"created_at","id") WHERE "provisioner_jobs"."started_at" is null and "provisioner_jobs"."completed_at" is null;
