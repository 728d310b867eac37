-- The second guards of invariants that span rows. Each is asked after the whole statement, when all of its parts have written; each
-- refuses with 23514 and the name of what is broken, as a check constraint would.

-- use: a minute that is counted twice does not fit into a half hour that was used throughout.
ALTER TABLE "template_usage_stats" ADD CONSTRAINT "template_usage_stats_half_hour" CHECK ("template_usage_stats"."usage_seconds" between 0 and 1800);--> statement-breakpoint

-- builds ----------------------------------------------------------------------------------------------------------------
-- Before: only the copies on the workspace. Now also: a build follows the one before it, whose job has ended. So numbers have no
-- gaps and, as no job that has ended begins again (below), at most one build of a workspace is active. By transition table, and from the
-- copies first, which are at hand (3.6 ms a thousand builds): the builds and jobs themselves (10 ms) are asked where a copy says no,
-- as it does of a build that ends in this very statement.
CREATE OR REPLACE FUNCTION workspace_builds_after_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM inserted n JOIN workspaces w ON w.id = n.workspace_id
    WHERE w.latest_build_number <> n.build_number - 1 OR job_is_active(w.latest_job_status)
  ) THEN
    IF EXISTS (
      SELECT FROM inserted n
      LEFT JOIN workspace_builds p ON p.workspace_id = n.workspace_id AND p.build_number = n.build_number - 1
      LEFT JOIN provisioner_jobs j ON j.id = p.job_id
      WHERE n.build_number > 1 AND (p.id IS NULL OR job_is_active(j.job_status))
    ) THEN
      RAISE EXCEPTION 'a build must follow one that has ended'
        USING ERRCODE = 'check_violation', TABLE = 'workspace_builds', CONSTRAINT = 'workspace_builds_follow_an_ended_one';
    END IF;
  END IF;
  UPDATE workspaces w
  SET latest_build_id = n.id,
      latest_build_number = n.build_number,
      latest_transition = n.transition,
      latest_job_status = j.job_status,
      check_at = CASE
        WHEN w.deleted OR w.owner_id = prebuilds_user_id() THEN NULL
        WHEN job_is_active(j.job_status) THEN 'infinity'::timestamptz
        ELSE '-infinity'::timestamptz END
  FROM (
    SELECT DISTINCT ON (workspace_id) id, workspace_id, build_number, transition, job_id
    FROM inserted ORDER BY workspace_id, build_number DESC
  ) n
  JOIN provisioner_jobs j ON j.id = n.job_id
  WHERE w.id = n.workspace_id AND w.latest_build_number < n.build_number;
  RETURN NULL;
END $$;
--> statement-breakpoint

-- jobs ------------------------------------------------------------------------------------------------------------------
-- When a job ended is written once.
CREATE FUNCTION provisioner_jobs_end_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a job ends once'
    USING ERRCODE = 'check_violation', TABLE = 'provisioner_jobs', CONSTRAINT = 'provisioner_jobs_end_once';
END $$;
--> statement-breakpoint
CREATE TRIGGER provisioner_jobs_end_once BEFORE UPDATE OF completed_at ON provisioner_jobs
FOR EACH ROW WHEN (OLD.completed_at IS NOT NULL AND NEW.completed_at IS DISTINCT FROM OLD.completed_at)
EXECUTE FUNCTION provisioner_jobs_end_once();
--> statement-breakpoint

-- dormancy --------------------------------------------------------------------------------------------------------------
-- A workspace that goes dormant has its audit row in the same transaction, whoever did it. Where nobody asked, it was the lifecycle:
-- then the owner is told, and what ran is stopped. By row, since only rows that go dormant are looked at: a transition table
-- would hold every heartbeat.
CREATE FUNCTION workspaces_dormancy_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM audit_logs a
    WHERE a.resource_id = NEW.id AND a.resource_type = 'workspace' AND a.xmin = pg_current_xact_id()::xid
  ) THEN
    RAISE EXCEPTION 'a dormancy must be audited'
      USING ERRCODE = 'check_violation', TABLE = 'workspaces', CONSTRAINT = 'workspaces_dormancy_is_audited';
  END IF;
  IF actor() IS NULL AND NOT EXISTS (
    SELECT FROM notification_messages m
    WHERE m.idempotency_key = 'dormant:' || NEW.id || ':' || extract(epoch FROM NEW.dormant_at)
  ) THEN
    RAISE EXCEPTION 'a dormancy must be told'
      USING ERRCODE = 'check_violation', TABLE = 'workspaces', CONSTRAINT = 'workspaces_dormancy_is_told';
  END IF;
  IF actor() IS NULL AND (
    SELECT b.transition FROM workspace_builds b WHERE b.workspace_id = NEW.id ORDER BY b.build_number DESC LIMIT 1
  ) = 'start' THEN
    RAISE EXCEPTION 'a dormancy must stop what runs'
      USING ERRCODE = 'check_violation', TABLE = 'workspaces', CONSTRAINT = 'workspaces_dormancy_stops';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER workspaces_dormancy_is_whole AFTER UPDATE OF dormant_at ON workspaces
FOR EACH ROW WHEN (OLD.dormant_at IS NULL AND NEW.dormant_at IS NOT NULL)
EXECUTE FUNCTION workspaces_dormancy_is_whole();
--> statement-breakpoint

-- the audit trail -------------------------------------------------------------------------------------------------------
-- What a person makes, or changes of what decides over access and over the lifecycle, has an audit row in the same transaction. A
-- person is who authenticated in it: seeds, sweeps and daemons write rows of their own, and these triggers cost them nothing.
CREATE FUNCTION is_by_a_person() RETURNS boolean LANGUAGE sql STABLE
AS $$ SELECT coalesce(actor() ->> 'kind' = 'user', false) $$;
--> statement-breakpoint
CREATE FUNCTION refuse_unaudited(p_table text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what a person changes must be audited'
    USING ERRCODE = 'check_violation', TABLE = p_table, CONSTRAINT = p_table || '_audited';
END $$;
--> statement-breakpoint
CREATE FUNCTION made_is_audited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF is_by_a_person() AND EXISTS (
    SELECT FROM inserted n WHERE NOT EXISTS (SELECT FROM audit_logs a WHERE a.resource_id = n.id)
  ) THEN
    PERFORM refuse_unaudited(TG_TABLE_NAME);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION change_is_audited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF is_by_a_person() AND NOT EXISTS (
    SELECT FROM audit_logs a WHERE a.resource_id = NEW.id AND a.xmin = pg_current_xact_id()::xid
  ) THEN
    PERFORM refuse_unaudited(TG_TABLE_NAME);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER users_made_audited AFTER INSERT ON users
REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION made_is_audited();
--> statement-breakpoint
CREATE TRIGGER workspaces_made_audited AFTER INSERT ON workspaces
REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION made_is_audited();
--> statement-breakpoint
CREATE TRIGGER templates_made_audited AFTER INSERT ON templates
REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION made_is_audited();
--> statement-breakpoint
CREATE TRIGGER template_versions_made_audited AFTER INSERT ON template_versions
REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION made_is_audited();
--> statement-breakpoint
CREATE TRIGGER users_change_audited AFTER UPDATE OF status, site_roles, deleted, hashed_password ON users
FOR EACH ROW WHEN ((OLD.status, OLD.site_roles, OLD.deleted, OLD.hashed_password)
  IS DISTINCT FROM (NEW.status, NEW.site_roles, NEW.deleted, NEW.hashed_password))
EXECUTE FUNCTION change_is_audited();
--> statement-breakpoint
-- Of dormancy whether, not since when: a template's change may move that of all its workspaces, and is itself audited.
CREATE TRIGGER workspaces_change_audited
AFTER UPDATE OF name, autostart_schedule, dormant_at, automatic_updates ON workspaces
FOR EACH ROW WHEN ((OLD.name, OLD.autostart_schedule, OLD.dormant_at IS NULL, OLD.automatic_updates)
  IS DISTINCT FROM (NEW.name, NEW.autostart_schedule, NEW.dormant_at IS NULL, NEW.automatic_updates))
EXECUTE FUNCTION change_is_audited();
--> statement-breakpoint
CREATE TRIGGER templates_change_audited
AFTER UPDATE OF name, active_version_id, activity_bump_ms, default_ttl_ms, allow_user_autostart, allow_user_autostop, failure_ttl_ms,
  time_til_dormant_ms, time_til_dormant_autodelete_ms, autostart_days, require_active_version, deleted ON templates
FOR EACH ROW WHEN (
  (OLD.name, OLD.active_version_id, OLD.activity_bump_ms, OLD.default_ttl_ms, OLD.allow_user_autostart, OLD.allow_user_autostop,
   OLD.failure_ttl_ms, OLD.time_til_dormant_ms, OLD.time_til_dormant_autodelete_ms, OLD.autostart_days, OLD.require_active_version, OLD.deleted)
  IS DISTINCT FROM
  (NEW.name, NEW.active_version_id, NEW.activity_bump_ms, NEW.default_ttl_ms, NEW.allow_user_autostart, NEW.allow_user_autostop,
   NEW.failure_ttl_ms, NEW.time_til_dormant_ms, NEW.time_til_dormant_autodelete_ms, NEW.autostart_days, NEW.require_active_version, NEW.deleted))
EXECUTE FUNCTION change_is_audited();
--> statement-breakpoint

-- What opens or closes the way in: tokens, memberships, and the one setting that people have. Their audit rows are about the person (the
-- nil id for the setting). The sessions that a workspace's start minted go with the workspace, whose change is audited.
CREATE FUNCTION access_is_audited() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  subject uuid := coalesce((CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END ->> 'user_id')::uuid,
    '00000000-0000-0000-0000-000000000000');
BEGIN
  IF is_by_a_person() AND NOT EXISTS (
    SELECT FROM audit_logs a WHERE a.resource_id = subject AND a.xmin = pg_current_xact_id()::xid
  ) THEN
    PERFORM refuse_unaudited(TG_TABLE_NAME);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER api_keys_made_audited AFTER INSERT ON api_keys
FOR EACH ROW WHEN (NEW.workspace_id IS NULL) EXECUTE FUNCTION access_is_audited();
--> statement-breakpoint
CREATE TRIGGER api_keys_removed_audited AFTER DELETE ON api_keys
FOR EACH ROW WHEN (OLD.workspace_id IS NULL) EXECUTE FUNCTION access_is_audited();
--> statement-breakpoint
CREATE TRIGGER organization_members_made_audited AFTER INSERT OR DELETE ON organization_members
FOR EACH ROW EXECUTE FUNCTION access_is_audited();
--> statement-breakpoint
CREATE TRIGGER organization_members_change_audited AFTER UPDATE OF roles ON organization_members
FOR EACH ROW WHEN (OLD.roles IS DISTINCT FROM NEW.roles) EXECUTE FUNCTION access_is_audited();
--> statement-breakpoint
CREATE TRIGGER site_configs_made_audited AFTER INSERT ON site_configs
FOR EACH ROW WHEN (NEW.key = 'prebuilds_settings') EXECUTE FUNCTION access_is_audited();
--> statement-breakpoint
CREATE TRIGGER site_configs_change_audited AFTER UPDATE OF value ON site_configs
FOR EACH ROW WHEN (NEW.key = 'prebuilds_settings' AND OLD.value IS DISTINCT FROM NEW.value) EXECUTE FUNCTION access_is_audited();
--> statement-breakpoint

-- A ttl is changed by hand, or follows its template's change, which is what is audited then.
CREATE FUNCTION ttl_is_audited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF is_by_a_person() AND NOT EXISTS (
    SELECT FROM audit_logs a WHERE a.resource_id = NEW.id AND a.xmin = pg_current_xact_id()::xid
  ) AND NOT EXISTS (
    SELECT FROM audit_logs a WHERE a.resource_id = NEW.template_id AND a.xmin = pg_current_xact_id()::xid
  ) THEN
    PERFORM refuse_unaudited(TG_TABLE_NAME);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER workspaces_ttl_change_audited AFTER UPDATE OF ttl_ms ON workspaces
FOR EACH ROW WHEN (OLD.ttl_ms IS DISTINCT FROM NEW.ttl_ms) EXECUTE FUNCTION ttl_is_audited();
--> statement-breakpoint
CREATE TRIGGER template_versions_change_audited AFTER UPDATE OF name, message, archived ON template_versions
FOR EACH ROW WHEN ((OLD.name, OLD.message, OLD.archived) IS DISTINCT FROM (NEW.name, NEW.message, NEW.archived))
EXECUTE FUNCTION change_is_audited();
--> statement-breakpoint

-- A build that a daemon ends has its audit row, in the name of who asked for it.
CREATE FUNCTION build_end_is_audited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF actor() ->> 'kind' = 'provisioner' AND EXISTS (
    SELECT FROM workspace_builds b WHERE b.job_id = NEW.id AND NOT EXISTS (
      SELECT FROM audit_logs a WHERE a.resource_id = b.id AND a.xmin = pg_current_xact_id()::xid)
  ) THEN
    RAISE EXCEPTION 'the end of a build must be audited'
      USING ERRCODE = 'check_violation', TABLE = 'provisioner_jobs', CONSTRAINT = 'provisioner_jobs_end_audited';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER provisioner_jobs_end_audited AFTER UPDATE OF completed_at ON provisioner_jobs
FOR EACH ROW WHEN (OLD.completed_at IS NULL AND NEW.completed_at IS NOT NULL AND NEW.type = 'workspace_build')
EXECUTE FUNCTION build_end_is_audited();
