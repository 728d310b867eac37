ALTER TABLE "templates" ADD COLUMN "schedule_changed_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "schedule_changed_starts" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "templates_schedule_changed" ON "templates" USING btree ("schedule_changed_at") WHERE "templates"."schedule_changed_at" is not null;