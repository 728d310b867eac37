-- The lifecycle's rules, in one place. The tick acts on them and explain shows them, so they cannot disagree.

-- A duration after an instant. Template durations have no upper bound, and one too long must not fail a batch: 292 years do.
CREATE FUNCTION instant_after(at timestamptz, duration_ms bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT at + least(duration_ms, 9223372036854) * interval '1 millisecond' $$;
--> statement-breakpoint
CREATE FUNCTION instant_before(at timestamptz, duration_ms bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT at - least(duration_ms, 9223372036854) * interval '1 millisecond' $$;
--> statement-breakpoint

-- One row a workspace and rule, for those that take part: not deleted, not a prebuild, with a build.
--
-- precedence: the lowest that is due acts; the others wait for a later tick.
-- why_not:    why the rule does not apply, whatever the time is; null when it does.
-- due_at:     the first instant at which it fires. It does not depend on the present, so the lower bound check_at is the
--             earliest of them. Instants have whole milliseconds: one is added where the rule says "more than".
-- transition: what is built; null where nothing is. reason: of the build, and of the mark.
-- A build in progress is not looked at here: every rule waits for it.
CREATE VIEW lifecycle_rules AS
SELECT w.id AS workspace_id, r.rule, r.precedence, r.why_not,
  CASE WHEN r.why_not IS NULL THEN r.due_at END AS due_at,
  r.transition, r.reason, r.template_version_id,
  w.ctid AS row_version, b.id AS build_id, j.job_status
FROM workspaces w
JOIN workspace_builds b ON b.id = w.latest_build_id
JOIN provisioner_jobs j ON j.id = b.job_id
JOIN templates t ON t.id = w.template_id
JOIN users u ON u.id = w.owner_id
CROSS JOIN LATERAL (SELECT greatest(
  instant_before(b.deadline, t.time_til_autostop_notify_ms),
  CASE WHEN t.activity_bump_ms > 0 THEN least(
    coalesce(w.last_used_at, '-infinity') + interval '15 minutes',
    instant_before(b.max_deadline, t.time_til_autostop_notify_ms)) END) AS at) reminder
CROSS JOIN LATERAL (VALUES
  -- Stops what runs past its deadline, and at once what a suspended owner left running.
  ('autostop', 1,
    CASE WHEN w.dormant_at IS NOT NULL THEN 'dormant'
      WHEN b.transition <> 'start' THEN 'not_running'
      WHEN j.job_status = 'failed' THEN 'last_build_failed'
      WHEN u.status = 'suspended' THEN NULL
      WHEN b.deadline IS NULL THEN 'no_deadline' END,
    CASE WHEN u.status = 'suspended' THEN '-infinity' ELSE b.deadline END,
    'stop', 'autostop', b.template_version_id),

  -- Starts what is stopped at its next start, which is an occurrence of its schedule on an allowed day after the creation of
  -- the stop. One that is not after it was written for an earlier build: it is computed anew before it counts.
  ('autostart', 2,
    CASE WHEN u.status <> 'active' THEN 'owner_not_active'
      WHEN w.dormant_at IS NOT NULL THEN 'dormant'
      WHEN b.transition <> 'stop' THEN 'not_stopped'
      WHEN j.job_status = 'failed' THEN 'last_build_failed'
      WHEN NOT t.allow_user_autostart THEN 'not_allowed_by_template'
      WHEN coalesce(w.autostart_schedule, '') = '' THEN 'no_schedule'
      WHEN w.next_start_at IS NULL OR w.next_start_at <= b.created_at THEN 'no_next_start' END,
    w.next_start_at,
    'start', 'autostart',
    CASE WHEN t.require_active_version OR w.automatic_updates = 'always' THEN t.active_version_id ELSE b.template_version_id END),

  -- Stops what failed to start or to stop, again each time the failure ttl has passed. Dormancy does not matter.
  ('failed_cleanup', 3,
    CASE WHEN t.failure_ttl_ms = 0 THEN 'not_configured'
      WHEN j.job_status <> 'failed' THEN 'last_build_not_failed'
      WHEN b.transition = 'delete' THEN 'last_build_is_delete'
      WHEN j.completed_at IS NULL THEN 'not_completed' END,
    instant_after(j.completed_at, t.failure_ttl_ms) + interval '1 millisecond',
    'stop', 'autostop', b.template_version_id),

  -- Marks dormant what was not used for long, and stops it if it was started.
  ('dormancy', 4,
    CASE WHEN t.time_til_dormant_ms = 0 THEN 'not_configured'
      WHEN w.dormant_at IS NOT NULL THEN 'dormant' END,
    coalesce(instant_after(w.last_used_at, t.time_til_dormant_ms) + interval '1 millisecond', '-infinity'),
    CASE WHEN b.transition = 'start' THEN 'stop' END, 'dormancy', b.template_version_id),

  -- Deletes what stayed dormant; a delete that failed or was canceled is tried again after a day.
  ('auto_delete', 5,
    CASE WHEN t.time_til_dormant_autodelete_ms = 0 THEN 'not_configured'
      WHEN w.dormant_at IS NULL THEN 'not_dormant'
      WHEN w.deleting_at IS NULL THEN 'no_deletion_date' END,
    greatest(w.deleting_at,
      CASE WHEN b.transition = 'delete' AND j.job_status IN ('failed', 'canceled')
        THEN coalesce(j.completed_at, j.canceled_at) + interval '24 hours' END) + interval '1 millisecond',
    'delete', 'autodelete', b.template_version_id),

  -- Reminds of a deadline that comes near, once for each deadline; not whom a bump would still move it for: someone who used
  -- the workspace in the last 15 minutes, while the max deadline is farther away than the lead.
  ('reminder', 6,
    CASE WHEN t.time_til_autostop_notify_ms = 0 THEN 'not_configured'
      WHEN w.dormant_at IS NOT NULL THEN 'dormant'
      WHEN b.transition <> 'start' THEN 'not_running'
      WHEN j.job_status <> 'succeeded' THEN 'last_build_not_succeeded'
      WHEN u.status = 'suspended' THEN 'owner_suspended'
      WHEN b.deadline IS NULL THEN 'no_deadline'
      WHEN b.notified_autostop_deadline = b.deadline THEN 'already_reminded'
      WHEN reminder.at >= b.deadline THEN 'in_use' END,
    reminder.at,
    NULL, NULL, b.template_version_id)
) AS r (rule, precedence, why_not, due_at, transition, reason, template_version_id)
WHERE NOT w.deleted AND w.owner_id <> prebuilds_user_id();
--> statement-breakpoint

-- A deadline that moves away can bring a reminder nearer, since each deadline has its own; every other change may bring an
-- event nearer and marks the workspace. (Replaces the first version, which knew only deadlines that come nearer.)
CREATE OR REPLACE FUNCTION workspace_builds_after_deadline() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.deadline > OLD.deadline AND NEW.max_deadline IS NOT DISTINCT FROM OLD.max_deadline THEN
    UPDATE workspaces w SET check_at = least(w.check_at, instant_before(NEW.deadline, t.time_til_autostop_notify_ms))
    FROM templates t
    WHERE w.latest_build_id = NEW.id AND t.id = w.template_id AND t.time_til_autostop_notify_ms > 0
      AND w.check_at > instant_before(NEW.deadline, t.time_til_autostop_notify_ms) AND w.check_at < 'infinity';
  ELSE
    UPDATE workspaces SET check_at = '-infinity'
    WHERE latest_build_id = NEW.id AND check_at > '-infinity' AND check_at < 'infinity';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
DROP TRIGGER workspace_builds_after_deadline ON workspace_builds;
--> statement-breakpoint
CREATE TRIGGER workspace_builds_after_deadline AFTER UPDATE OF deadline, max_deadline ON workspace_builds
FOR EACH ROW WHEN ((OLD.deadline, OLD.max_deadline) IS DISTINCT FROM (NEW.deadline, NEW.max_deadline))
EXECUTE FUNCTION workspace_builds_after_deadline();
--> statement-breakpoint

-- How long a duration is, in words: `3 days from now`. The twin of src/schedule/relative-time.ts, for labels that are written by
-- the statement that causes them; both answer the same cases.
CREATE FUNCTION relative_time(from_now_ms bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN s < 1 THEN 'now'
    ELSE CASE
      WHEN s < 2 THEN '1 second'
      WHEN s < 60 THEN s || ' seconds'
      WHEN s < 120 THEN '1 minute'
      WHEN s < 3600 THEN s / 60 || ' minutes'
      WHEN s < 7200 THEN '1 hour'
      WHEN s < 86400 THEN s / 3600 || ' hours'
      WHEN s < 172800 THEN '1 day'
      WHEN s < 604800 THEN s / 86400 || ' days'
      WHEN s < 1209600 THEN '1 week'
      WHEN s < 2592000 THEN s / 604800 || ' weeks'
      WHEN s < 5184000 THEN '1 month'
      WHEN s < 31104000 THEN s / 2592000 || ' months'
      WHEN s < 46656000 THEN '1 year'
      WHEN s < 62208000 THEN '2 years'
      WHEN s < 1150848000 THEN s / 31104000 || ' years'
      ELSE 'a long while' END || CASE WHEN from_now_ms > 0 THEN ' from now' ELSE ' ago' END
    END
  FROM (SELECT abs(from_now_ms) / 1000 AS s) seconds
$$;
--> statement-breakpoint

-- FNV-1a over the characters of an id, 32 bits: the twin of src/http/stable-hash.ts, for the shards that could not be asked.
CREATE FUNCTION stable_hash(id text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  hash bigint := 2166136261;
BEGIN
  FOR i IN 1..length(id) LOOP
    hash := ((hash # ascii(substr(id, i, 1))) * 16777619) & 4294967295;
  END LOOP;
  RETURN hash;
END $$;
