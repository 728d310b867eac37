-- A daemon belongs to the key that registered it, so its name is unique per key. The name was
-- unique per organization, and a registration moved the daemon with its running job to another key.
drop index "provisioner_daemons_identity";
create unique index "provisioner_daemons_identity" on "provisioner_daemons" using btree (
  "key_id", "name"
);
