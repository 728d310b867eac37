-- The rules of the lifecycle: one row per workspace and rule, for workspaces that are not deleted,
-- are not prebuilds and have a build. The tick acts on them and explain shows them.
--
-- precedence: the lowest that is due acts; the others wait for a later tick.
-- why_not:    why the rule does not apply, whatever the time is; null if it applies.
-- due_at:     the first instant at which it fires. It does not depend on the present, so the lower
--             bound check_at is the earliest of them. Instants have whole milliseconds: one is
--             added where the rule says "more than".
-- transition: what is built; null if nothing is. reason: of the build and of the dormancy.
-- A build in progress is not considered here: every rule waits for it.
create or replace view lifecycle_rules as
select w.id as workspace_id, r.rule, r.precedence, r.why_not,
  case when r.why_not is null then r.due_at end as due_at,
  r.transition, r.reason, r.template_version_id,
  w.ctid as row_version, b.id as build_id, j.job_status
from workspaces w
join workspace_builds b on b.id = w.latest_build_id
join provisioner_jobs j on j.id = b.job_id
join templates t on t.id = w.template_id
join users u on u.id = w.owner_id
cross join lateral (select greatest(
  instant_before(b.deadline, t.time_til_autostop_notify_ms),
  case when t.activity_bump_ms > 0 then least(
    coalesce(w.last_used_at, '-infinity') + interval '15 minutes',
    instant_before(b.max_deadline, t.time_til_autostop_notify_ms)) end) as at) reminder
cross join lateral (values
  -- Stops a workspace that runs past its deadline. Stops at once what a suspended owner left
  -- running.
  ('autostop', 1,
    case when w.dormant_at is not null then 'dormant'
      when b.transition <> 'start' then 'not_running'
      when j.job_status = 'failed' then 'last_build_failed'
      when u.status = 'suspended' then null
      when b.deadline is null then 'no_deadline' end,
    case when u.status = 'suspended' then '-infinity' else b.deadline end,
    'stop', 'autostop', b.template_version_id),

  -- Starts a stopped workspace at its next start: an occurrence of its schedule on an allowed day
  -- after the creation of the stop. A stale next start is computed again before it counts.
  ('autostart', 2,
    case when u.status <> 'active' then 'owner_not_active'
      when w.dormant_at is not null then 'dormant'
      when b.transition <> 'stop' then 'not_stopped'
      when j.job_status = 'failed' then 'last_build_failed'
      when not t.allow_user_autostart then 'not_allowed_by_template'
      when coalesce(w.autostart_schedule, '') = '' then 'no_schedule'
      when is_next_start_stale(
        w.next_start_at, b.created_at, w.autostart_schedule, t.autostart_days)
        then 'no_next_start' end,
    w.next_start_at,
    'start', 'autostart',
    case when t.require_active_version or w.automatic_updates = 'always' then t.active_version_id
      else b.template_version_id end),

  -- Stops a workspace that failed to start or to stop, again each time the failure TTL has passed.
  -- Dormancy does not matter.
  ('failed_cleanup', 3,
    case when t.failure_ttl_ms = 0 then 'not_configured'
      when j.job_status <> 'failed' then 'last_build_not_failed'
      when b.transition = 'delete' then 'last_build_is_delete'
      when j.completed_at is null then 'not_completed' end,
    instant_after(j.completed_at, t.failure_ttl_ms) + interval '1 millisecond',
    'stop', 'autostop', b.template_version_id),

  -- Makes a workspace dormant that was not used for long, and stops it if it was started.
  ('dormancy', 4,
    case when t.time_til_dormant_ms = 0 then 'not_configured'
      when w.dormant_at is not null then 'dormant' end,
    coalesce(
      instant_after(w.last_used_at, t.time_til_dormant_ms) + interval '1 millisecond', '-infinity'),
    case when b.transition = 'start' then 'stop' end, 'dormancy', b.template_version_id),

  -- Deletes a workspace that remained dormant. A delete that failed or was canceled is repeated
  -- after a day.
  ('auto_delete', 5,
    case when t.time_til_dormant_autodelete_ms = 0 then 'not_configured'
      when w.dormant_at is null then 'not_dormant'
      when w.deleting_at is null then 'no_deletion_date' end,
    greatest(w.deleting_at,
      case when b.transition = 'delete' and j.job_status in ('failed', 'canceled')
        then coalesce(j.completed_at, j.canceled_at) + interval '24 hours' end)
      + interval '1 millisecond',
    'delete', 'autodelete', b.template_version_id),

  -- Reminds of a near deadline, once per deadline. Not while activity would still move it: that is
  -- if somebody used the workspace in the last 15 minutes and the max deadline is farther away
  -- than the lead.
  ('reminder', 6,
    case when t.time_til_autostop_notify_ms = 0 then 'not_configured'
      when w.dormant_at is not null then 'dormant'
      when b.transition <> 'start' then 'not_running'
      when j.job_status <> 'succeeded' then 'last_build_not_succeeded'
      when u.status = 'suspended' then 'owner_suspended'
      when b.deadline is null then 'no_deadline'
      when b.notified_autostop_deadline = b.deadline then 'already_reminded'
      when reminder.at >= b.deadline then 'in_use' end,
    reminder.at,
    null, null, b.template_version_id),

  -- Stops a workspace that is dormant and still runs: one that a person marked dormant. The rules
  -- above come first, so a due deletion needs no stop.
  ('dormant_stop', 7,
    case when w.dormant_at is null then 'not_dormant'
      when b.transition <> 'start' then 'not_running'
      when j.job_status = 'failed' then 'last_build_failed' end,
    '-infinity',
    'stop', 'dormancy', b.template_version_id)
) as r (rule, precedence, why_not, due_at, transition, reason, template_version_id)
where not w.deleted and w.owner_id <> prebuilds_user_id();
