-- Roll-ups and what they and the retention read by: jobs by when they began and ended, logs by age (BRIN: they only grow).
CREATE TABLE "metrics" (
	"name" text NOT NULL,
	"labels" jsonb NOT NULL,
	"value" double precision NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "metrics_name_labels_pk" PRIMARY KEY("name","labels")
);
--> statement-breakpoint
CREATE TABLE "rollup_marks" (
	"name" text PRIMARY KEY NOT NULL,
	"through_at" timestamp (3) with time zone NOT NULL,
	"document" jsonb
);
--> statement-breakpoint
CREATE TABLE "user_status_changes" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "user_status_changes_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"user_id" uuid NOT NULL,
	"new_status" text NOT NULL,
	"changed_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "user_status_changes" ADD CONSTRAINT "user_status_changes_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "user_status_changes_changed" ON "user_status_changes" USING btree ("changed_at");--> statement-breakpoint
CREATE INDEX "user_status_changes_user" ON "user_status_changes" USING btree ("user_id","changed_at");--> statement-breakpoint
CREATE INDEX "workspace_agent_logs_created" ON "workspace_agent_logs" USING brin ("created_at");--> statement-breakpoint
CREATE INDEX "inbox_notifications_created" ON "inbox_notifications" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "provisioner_job_logs_created" ON "provisioner_job_logs" USING brin ("created_at");--> statement-breakpoint
CREATE INDEX "provisioner_jobs_created" ON "provisioner_jobs" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "provisioner_jobs_completed" ON "provisioner_jobs" USING btree ("completed_at") WHERE "provisioner_jobs"."completed_at" is not null;--> statement-breakpoint
CREATE INDEX "workspace_builds_state" ON "workspace_builds" USING btree ("created_at") WHERE "workspace_builds"."provisioner_state" is not null;--> statement-breakpoint

-- A person's status over time, for the counts of past days. The instant is the row's own; no clock is read.
CREATE FUNCTION users_after_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO user_status_changes (user_id, new_status, changed_at)
  VALUES (NEW.id, CASE WHEN NEW.deleted THEN 'deleted' ELSE NEW.status END,
    CASE WHEN TG_OP = 'INSERT' THEN NEW.created_at ELSE NEW.updated_at END);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER users_after_insert_status AFTER INSERT ON users
FOR EACH ROW WHEN (NOT NEW.is_system) EXECUTE FUNCTION users_after_status();
--> statement-breakpoint
CREATE TRIGGER users_after_update_status AFTER UPDATE OF status, deleted ON users
FOR EACH ROW WHEN (NOT NEW.is_system AND (NEW.status, NEW.deleted) IS DISTINCT FROM (OLD.status, OLD.deleted))
EXECUTE FUNCTION users_after_status();
--> statement-breakpoint
INSERT INTO user_status_changes (user_id, new_status, changed_at)
SELECT id, CASE WHEN deleted THEN 'deleted' ELSE status END, created_at FROM users WHERE NOT is_system;
