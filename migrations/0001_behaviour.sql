-- What the tables do by themselves: the rows that every deployment has, the triggers that keep copies and the lifecycle's
-- lower bound true, authentication, and the views that the specification names.

-- The one place where the database's own clock is read: these two rows are made when the database is.
INSERT INTO organizations (id, name, display_name, is_default, created_at, updated_at)
VALUES (gen_random_uuid(), 'default', 'Default', true, now(), now());
--> statement-breakpoint
INSERT INTO users (id, email, username, name, status, login_type, is_system, created_at, updated_at)
VALUES ('c42fdf75-3097-471c-8c33-fb52454d81c0', 'prebuilds@system', 'prebuilds', 'Prebuilds Owner', 'active', 'none', true, now(), now());
--> statement-breakpoint

CREATE FUNCTION prebuilds_user_id() RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid $$;
--> statement-breakpoint

-- A job that has not ended. Nothing in the lifecycle can fire for a workspace whose latest job is active.
CREATE FUNCTION job_is_active(status text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT status IN ('pending', 'running', 'canceling') $$;
--> statement-breakpoint

-- workspaces ------------------------------------------------------------------------------------------------------------

-- Runs before the row is written, so it costs no second write and touches no other row.
-- 1. The owner's name is copied, for lists.
-- 2. next_start_at is cleared when the schedule changed under it or the workspace is dormant (lifecycle.md 1.7).
-- 3. check_at: null for prebuilds and deleted ones; otherwise dirty when something was edited that can bring an event
--    nearer, unless the writer set a bound itself or a build is active (then its end marks it).
CREATE FUNCTION workspaces_before_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' OR NEW.owner_id <> OLD.owner_id THEN
    SELECT username INTO NEW.owner_name FROM users WHERE id = NEW.owner_id;
  END IF;
  IF NEW.dormant_at IS NOT NULL THEN
    NEW.next_start_at := NULL;
  ELSIF TG_OP = 'UPDATE' AND NEW.autostart_schedule IS DISTINCT FROM OLD.autostart_schedule
        AND NEW.next_start_at IS NOT DISTINCT FROM OLD.next_start_at THEN
    NEW.next_start_at := NULL;
  END IF;
  IF NEW.deleted OR NEW.owner_id = prebuilds_user_id() THEN
    NEW.check_at := NULL;
  ELSIF TG_OP = 'INSERT' THEN
    NEW.check_at := coalesce(NEW.check_at, '-infinity');
  ELSIF OLD.check_at IS NULL THEN
    NEW.check_at := coalesce(NEW.check_at, '-infinity');
  ELSIF NEW.check_at IS NOT DISTINCT FROM OLD.check_at AND OLD.check_at < 'infinity' THEN
    NEW.check_at := '-infinity';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER workspaces_before_insert BEFORE INSERT ON workspaces
FOR EACH ROW EXECUTE FUNCTION workspaces_before_write();
--> statement-breakpoint
-- Not on last_used_at: a heartbeat must stay a heap-only update that wakes nothing.
CREATE TRIGGER workspaces_before_update
BEFORE UPDATE OF owner_id, autostart_schedule, ttl_ms, next_start_at, dormant_at, deleting_at, automatic_updates, deleted ON workspaces
FOR EACH ROW EXECUTE FUNCTION workspaces_before_write();
--> statement-breakpoint

-- The latest build's id, number, transition and job status are copied when a build is made. By transition table, so that a
-- batch of a thousand builds is one update. The guard on the number makes it idempotent and order-free.
CREATE FUNCTION workspace_builds_after_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
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
CREATE TRIGGER workspace_builds_after_insert AFTER INSERT ON workspace_builds
REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION workspace_builds_after_insert();
--> statement-breakpoint

-- A job's status reaches its workspace; its end marks the workspace dirty. The condition keeps leases and log counts out.
CREATE FUNCTION provisioner_jobs_after_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE workspaces w
  SET latest_job_status = NEW.job_status,
      check_at = CASE
        WHEN w.deleted OR w.owner_id = prebuilds_user_id() THEN NULL
        WHEN job_is_active(NEW.job_status) THEN 'infinity'::timestamptz
        ELSE '-infinity'::timestamptz END
  FROM workspace_builds b
  WHERE b.job_id = NEW.id AND w.latest_build_id = b.id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER provisioner_jobs_after_status AFTER UPDATE ON provisioner_jobs
FOR EACH ROW WHEN (OLD.job_status IS DISTINCT FROM NEW.job_status AND NEW.type = 'workspace_build')
EXECUTE FUNCTION provisioner_jobs_after_status();
--> statement-breakpoint

-- A deadline that came or moved nearer. One that moved away leaves a bound that proves too early, which is simply moved.
CREATE FUNCTION workspace_builds_after_deadline() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE workspaces SET check_at = '-infinity'
  WHERE latest_build_id = NEW.id AND check_at IS NOT NULL AND check_at > '-infinity' AND check_at < 'infinity';
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER workspace_builds_after_deadline AFTER UPDATE OF deadline ON workspace_builds
FOR EACH ROW WHEN (NEW.deadline IS NOT NULL AND (OLD.deadline IS NULL OR NEW.deadline < OLD.deadline))
EXECUTE FUNCTION workspace_builds_after_deadline();
--> statement-breakpoint

-- A template's policy, or the version that its workspaces may have to start with.
CREATE FUNCTION templates_after_policy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE workspaces SET check_at = '-infinity'
  WHERE template_id = NEW.id AND NOT deleted AND check_at > '-infinity' AND check_at < 'infinity';
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER templates_after_policy
AFTER UPDATE OF active_version_id, activity_bump_ms, time_til_autostop_notify_ms, allow_user_autostart, failure_ttl_ms,
  time_til_dormant_ms, time_til_dormant_autodelete_ms, autostart_days, require_active_version, deleted ON templates
FOR EACH ROW WHEN (
  (OLD.active_version_id, OLD.activity_bump_ms, OLD.time_til_autostop_notify_ms, OLD.allow_user_autostart, OLD.failure_ttl_ms,
   OLD.time_til_dormant_ms, OLD.time_til_dormant_autodelete_ms, OLD.autostart_days, OLD.require_active_version, OLD.deleted)
  IS DISTINCT FROM
  (NEW.active_version_id, NEW.activity_bump_ms, NEW.time_til_autostop_notify_ms, NEW.allow_user_autostart, NEW.failure_ttl_ms,
   NEW.time_til_dormant_ms, NEW.time_til_dormant_autodelete_ms, NEW.autostart_days, NEW.require_active_version, NEW.deleted))
EXECUTE FUNCTION templates_after_policy();
--> statement-breakpoint

-- The owner's status decides autostart and the forced stop; the owner's name is copied.
CREATE FUNCTION users_after_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.username <> OLD.username THEN
    UPDATE workspaces SET owner_name = NEW.username WHERE owner_id = NEW.id;
  END IF;
  IF NEW.status <> OLD.status THEN
    UPDATE workspaces SET check_at = '-infinity'
    WHERE owner_id = NEW.id AND NOT deleted AND check_at > '-infinity' AND check_at < 'infinity';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER users_after_update AFTER UPDATE OF username, status ON users
FOR EACH ROW WHEN (OLD.username <> NEW.username OR OLD.status <> NEW.status)
EXECUTE FUNCTION users_after_update();
--> statement-breakpoint

-- authentication --------------------------------------------------------------------------------------------------------
-- The first statement of every request's transaction. It proves the credential or raises, so that nothing behind it runs,
-- and publishes who asks to the rest of the transaction as the setting dormouse.actor. Permission filters read it there.

CREATE FUNCTION actor() RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('dormouse.actor', true), '')::jsonb $$;
--> statement-breakpoint
CREATE FUNCTION actor_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT (actor() ->> 'id')::uuid $$;
--> statement-breakpoint
CREATE FUNCTION actor_has_site_role(roles text[]) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT coalesce(actor() -> 'roles' ?| roles, false) $$;
--> statement-breakpoint
-- The organizations in which the actor holds one of the roles; every membership holds organization-member.
CREATE FUNCTION actor_organizations(roles text[]) RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT coalesce(array_agg(o.key::uuid), '{}')
  FROM jsonb_each(coalesce(actor() -> 'organizations', '{}')) o
  WHERE o.value ?| roles
$$;
--> statement-breakpoint

-- SQLSTATE DM401: the message is the answer's detail, or, with the hint "message", the answer's message (api.md 0.3).
-- The secret is compared by its SHA-256, which an attacker cannot steer: timing tells nothing about the secret.
CREATE FUNCTION authenticate_user(p_key_id text, p_hashed_secret bytea, p_now timestamptz, p_ip text)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  k api_keys%ROWTYPE;
  u users%ROWTYPE;
  found_actor jsonb;
BEGIN
  SELECT * INTO k FROM api_keys WHERE id = p_key_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'API key is invalid.' USING ERRCODE = 'DM401';
  END IF;
  IF k.hashed_secret <> p_hashed_secret THEN
    RAISE EXCEPTION 'API key secret is invalid.' USING ERRCODE = 'DM401';
  END IF;
  IF k.expires_at <= p_now THEN
    RAISE EXCEPTION 'API key expired at "%".', to_char(k.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
      USING ERRCODE = 'DM401';
  END IF;
  SELECT * INTO u FROM users WHERE id = k.user_id;
  IF u.deleted OR u.is_system THEN
    RAISE EXCEPTION 'API key is invalid.' USING ERRCODE = 'DM401';
  END IF;
  IF u.status = 'suspended' THEN
    RAISE EXCEPTION 'User is not active (status = "suspended"). Contact an admin to reactivate your account.'
      USING ERRCODE = 'DM401', HINT = 'message';
  END IF;
  IF k.last_used_at IS NULL OR k.last_used_at < p_now - interval '1 hour' OR u.status = 'dormant' THEN
    UPDATE users SET status = 'active', last_seen_at = greatest(last_seen_at, p_now),
      updated_at = CASE WHEN status = 'dormant' THEN p_now ELSE updated_at END
    WHERE id = u.id AND status <> 'suspended';
    UPDATE api_keys SET last_used_at = greatest(last_used_at, p_now), ip = p_ip WHERE id = k.id;
  END IF;
  -- Sessions slide, at most once an hour; tokens never do.
  IF k.login_type <> 'token' AND k.expires_at <= p_now + make_interval(secs => k.lifetime_seconds) - interval '1 hour' THEN
    UPDATE api_keys SET expires_at = p_now + make_interval(secs => lifetime_seconds), updated_at = p_now WHERE id = k.id;
  END IF;
  SELECT jsonb_build_object(
    'kind', 'user', 'id', u.id, 'username', u.username, 'roles', to_jsonb(u.site_roles || array['member']),
    'organizations', coalesce(jsonb_object_agg(m.organization_id, to_jsonb(m.roles || o.default_org_member_roles || array['organization-member']))
      FILTER (WHERE m.organization_id IS NOT NULL), '{}'),
    'key_id', k.id, 'login_type', k.login_type, 'scopes', to_jsonb(k.scopes), 'allow_list', to_jsonb(k.allow_list))
  INTO found_actor
  FROM (SELECT 1) one
  LEFT JOIN organization_members m ON m.user_id = u.id
  LEFT JOIN organizations o ON o.id = m.organization_id AND NOT o.deleted;
  PERFORM set_config('dormouse.actor', found_actor::text, true);
  RETURN found_actor;
END $$;
--> statement-breakpoint

-- An agent's token is good for an agent of the latest build and, while the stop that directly follows a succeeded start is
-- pending or running, for the agents of that start (prebuilds-provisioning-agents.md E3).
CREATE FUNCTION authenticate_agent(p_hashed_token bytea) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  found_actor jsonb;
BEGIN
  SELECT jsonb_build_object('kind', 'agent', 'agent_id', a.id, 'workspace_id', w.id, 'build_id', b.id, 'owner_id', w.owner_id,
    'organization_id', w.organization_id, 'template_id', w.template_id)
  INTO found_actor
  FROM workspace_agents a
  JOIN workspace_builds b ON b.id = a.build_id
  JOIN provisioner_jobs j ON j.id = b.job_id
  JOIN workspaces w ON w.id = b.workspace_id
  WHERE a.hashed_token = p_hashed_token AND NOT a.deleted AND NOT w.deleted
    AND (w.latest_build_id = b.id
      OR (b.transition = 'start' AND j.job_status = 'succeeded' AND w.latest_build_number = b.build_number + 1
          AND w.latest_transition = 'stop' AND w.latest_job_status IN ('pending', 'running')));
  IF NOT FOUND THEN
    RAISE EXCEPTION 'The agent cannot authenticate until the workspace provision job has been completed. If the job is no longer running, this agent is invalid.'
      USING ERRCODE = 'DM401', HINT = 'agent';
  END IF;
  PERFORM set_config('dormouse.actor', found_actor::text, true);
  RETURN found_actor;
END $$;
--> statement-breakpoint

CREATE FUNCTION authenticate_provisioner(p_hashed_secret bytea) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  found_actor jsonb;
BEGIN
  SELECT jsonb_build_object('kind', 'provisioner', 'key_id', k.id, 'key_name', k.name, 'organization_id', k.organization_id, 'tags', k.tags)
  INTO found_actor
  FROM provisioner_keys k WHERE k.hashed_secret = p_hashed_secret;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'The provisioner key is invalid or has been deleted.' USING ERRCODE = 'DM401', HINT = 'provisioner';
  END IF;
  PERFORM set_config('dormouse.actor', found_actor::text, true);
  RETURN found_actor;
END $$;
--> statement-breakpoint

-- views (prebuilds-provisioning-agents.md F) --------------------------------------------------------------------------------

CREATE VIEW visible_users AS SELECT id, username, name, avatar_url FROM users;
--> statement-breakpoint

-- Every column of the workspace and the names that clients show with it. Deleted ones are included.
CREATE VIEW workspaces_expanded AS
SELECT w.*, u.name AS owner_full_name, u.username AS owner_username, u.avatar_url AS owner_avatar_url, u.status AS owner_status,
  o.name AS organization_name, o.display_name AS organization_display_name, o.icon AS organization_icon,
  o.description AS organization_description,
  t.name AS template_name, t.display_name AS template_display_name, t.icon AS template_icon,
  t.description AS template_description, t.active_version_id AS template_active_version_id,
  t.allow_user_cancel_workspace_jobs AS template_allow_user_cancel_workspace_jobs,
  t.require_active_version AS template_require_active_version,
  t.use_classic_parameter_flow AS template_use_classic_parameter_flow,
  t.allow_user_autostop AS template_allow_user_autostop, t.allow_user_autostart AS template_allow_user_autostart,
  t.default_ttl_ms AS template_default_ttl_ms
FROM workspaces w
JOIN users u ON u.id = w.owner_id
JOIN organizations o ON o.id = w.organization_id
JOIN templates t ON t.id = w.template_id;
--> statement-breakpoint

CREATE VIEW template_with_names AS
SELECT t.*, u.username AS created_by_username, u.name AS created_by_name, u.avatar_url AS created_by_avatar_url,
  o.name AS organization_name, o.display_name AS organization_display_name, o.icon AS organization_icon
FROM templates t
LEFT JOIN users u ON u.id = t.created_by
LEFT JOIN organizations o ON o.id = t.organization_id;
--> statement-breakpoint

CREATE VIEW template_version_with_user AS
SELECT v.*, u.username AS created_by_username, u.name AS created_by_name, u.avatar_url AS created_by_avatar_url
FROM template_versions v
LEFT JOIN users u ON u.id = v.created_by;
--> statement-breakpoint

-- Without the provisioner's state, which may be large and secret.
CREATE VIEW workspace_build_with_user AS
SELECT b.id, b.workspace_id, b.template_version_id, b.build_number, b.transition, b.initiator_id, b.job_id, b.reason, b.deadline,
  b.max_deadline, b.notified_autostop_deadline, b.daily_cost, b.template_version_preset_id, b.has_external_agent, b.on_success,
  b.created_at, b.updated_at, u.username AS initiator_username, u.name AS initiator_name, u.avatar_url AS initiator_avatar_url
FROM workspace_builds b
LEFT JOIN users u ON u.id = b.initiator_id;
--> statement-breakpoint

-- One row a workspace that is not deleted; nulls where it has no build yet.
CREATE VIEW workspace_latest_builds AS
SELECT w.id AS workspace_id, w.owner_id, w.organization_id, w.template_id, b.id, b.build_number, b.template_version_id, b.transition,
  b.initiator_id, b.reason, b.job_id, b.deadline, b.max_deadline, b.notified_autostop_deadline, b.template_version_preset_id,
  b.has_external_agent, b.created_at, j.job_status, j.started_at AS job_started_at, j.completed_at AS job_completed_at,
  j.canceled_at AS job_canceled_at, j.error AS job_error
FROM workspaces w
LEFT JOIN workspace_builds b ON b.id = w.latest_build_id
LEFT JOIN provisioner_jobs j ON j.id = b.job_id
WHERE NOT w.deleted;
--> statement-breakpoint

-- Prebuilds, deleted ones included: ready when every agent of the latest build that lives is ready, and there is one;
-- the preset is that of the highest-numbered build that has one.
CREATE VIEW workspace_prebuilds AS
SELECT w.id, w.name, w.template_id, w.created_at, p.template_version_preset_id AS current_preset_id,
  coalesce(a.ready, false) AS ready
FROM workspaces w
JOIN LATERAL (
  SELECT b.template_version_preset_id FROM workspace_builds b
  WHERE b.workspace_id = w.id AND b.template_version_preset_id IS NOT NULL
  ORDER BY b.build_number DESC LIMIT 1
) p ON true
LEFT JOIN LATERAL (
  SELECT bool_and(g.lifecycle_state = 'ready') AS ready FROM workspace_agents g
  WHERE g.build_id = w.latest_build_id AND NOT g.deleted
) a ON true
WHERE w.owner_id = prebuilds_user_id();
--> statement-breakpoint

CREATE VIEW workspace_prebuild_builds AS
SELECT id, workspace_id, template_version_id, transition, job_id, template_version_preset_id, build_number, created_at
FROM workspace_builds WHERE initiator_id = prebuilds_user_id();
