-- What the Worker's role may not do, although the default privileges of docs/worker-role.sql grant
-- it. The migrator runs this at the end of each run that applies something.
--
-- The audit log is written and purged, never rewritten. The ledgers of migrations are the
-- migrator's. Temporary tables would be a way to fill the disk.
do $$
begin
  if exists (select from pg_roles where rolname = 'dormouse_worker') then
    revoke update on audit_logs from dormouse_worker;
    revoke all on schema_migrations, schema_code from dormouse_worker;
    execute format('revoke temporary on database %I from public', current_database());
  end if;
end $$;
