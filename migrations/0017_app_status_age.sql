-- What an application said of itself is purged by age, and goes with its agent: neither may read the whole table.
CREATE INDEX "workspace_app_statuses_agent" ON "workspace_app_statuses" USING btree ("agent_id");--> statement-breakpoint
CREATE INDEX "workspace_app_statuses_created" ON "workspace_app_statuses" USING btree ("created_at");