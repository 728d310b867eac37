-- A name is asked among the living through workspaces_name_live; who asks with include_deleted asks among the dead as well.
CREATE INDEX "workspaces_name_deleted" ON "workspaces" USING btree ("owner_id",lower("name")) WHERE "workspaces"."deleted";
