-- The Worker's role: it reads and writes rows, and cannot change the schema.
--
-- The role that applies the migrations runs this before the first migration: default privileges
-- hold for what it creates afterwards. `npm run deploy -- --dry-run` tries it.
create role dormouse_worker login;
grant usage on schema public to dormouse_worker;
alter default privileges in schema public
  grant select, insert, update, delete on tables to dormouse_worker;
alter default privileges in schema public grant usage on sequences to dormouse_worker;
alter role dormouse_worker set statement_timeout = '12s';
