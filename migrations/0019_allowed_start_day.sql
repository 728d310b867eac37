-- A next start is trusted only on a day that the template allows. When the days change every next start follows, but in batches and
-- after the change: a tick in between, or a change that was written to the table by hand, would have started on a blocked day.

-- Whether the instant lies on one of the days (bit 0 Monday), on the wall clock of the schedule's zone. A zone that the database does
-- not know is left to what computed the instant: one row must not fail a batch.
CREATE FUNCTION is_allowed_start(at timestamptz, schedule text, days integer) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
  zone text := coalesce(nullif(substring(schedule FROM '^CRON_TZ=([^ ]*)'), ''), 'UTC');
BEGIN
  RETURN (days >> (extract(isodow FROM at AT TIME ZONE zone)::integer - 1)) & 1 = 1;
EXCEPTION WHEN invalid_parameter_value THEN
  RETURN true;
END $$;
--> statement-breakpoint

-- One row a workspace and rule, for those that take part: not deleted, not a prebuild, with a build.
--
-- precedence: the lowest that is due acts; the others wait for a later tick.
-- why_not:    why the rule does not apply, whatever the time is; null when it does.
-- due_at:     the first instant at which it fires. It does not depend on the present, so the lower bound check_at is the
--             earliest of them. Instants have whole milliseconds: one is added where the rule says "more than".
-- transition: what is built; null where nothing is. reason: of the build, and of the mark.
-- A build in progress is not looked at here: every rule waits for it.
CREATE OR REPLACE VIEW lifecycle_rules AS
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
  -- the stop. One that is not after it was written for an earlier build, and one on a day that is not allowed for an earlier
  -- policy: both are computed anew before they count.
  ('autostart', 2,
    CASE WHEN u.status <> 'active' THEN 'owner_not_active'
      WHEN w.dormant_at IS NOT NULL THEN 'dormant'
      WHEN b.transition <> 'stop' THEN 'not_stopped'
      WHEN j.job_status = 'failed' THEN 'last_build_failed'
      WHEN NOT t.allow_user_autostart THEN 'not_allowed_by_template'
      WHEN coalesce(w.autostart_schedule, '') = '' THEN 'no_schedule'
      WHEN w.next_start_at IS NULL OR w.next_start_at <= b.created_at THEN 'no_next_start'
      WHEN t.autostart_days < 127 AND NOT is_allowed_start(w.next_start_at, w.autostart_schedule, t.autostart_days)
        THEN 'no_next_start' END,
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
