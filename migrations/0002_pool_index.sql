-- The claim and the reconcile walk the pools alone, however many workspaces people have.
CREATE INDEX "workspaces_pool" ON "workspaces" USING btree ("template_id") WHERE "workspaces"."owner_id" = 'c42fdf75-3097-471c-8c33-fb52454d81c0' and not "workspaces"."deleted";
