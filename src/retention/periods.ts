/** How long what grows is kept. The one list: the purge reads it, and a test holds the operators' page to it. */

const DAY_MS = 86_400_000

/** By table; `provisioner_state` is a column of the builds, and `provisioner_jobs` stands for old builds with all that they left. */
export const retentionMs = {
  provisioner_job_logs: 30 * DAY_MS,
  provisioner_job_timings: 30 * DAY_MS,
  workspace_agent_logs: 30 * DAY_MS,
  workspace_agent_script_timings: 30 * DAY_MS,
  workspace_app_statuses: 30 * DAY_MS,
  workspace_agent_stats: DAY_MS,
  workspace_app_stats: 2 * DAY_MS,
  template_usage_stats: 400 * DAY_MS,
  audit_logs: 365 * DAY_MS,
  notification_messages: 7 * DAY_MS,
  inbox_notifications: 90 * DAY_MS,
  lifecycle_ticks: 30 * DAY_MS,
  api_keys: 7 * DAY_MS,
  provisioner_daemons: 7 * DAY_MS,
  provisioner_state: 30 * DAY_MS,
  provisioner_jobs: 400 * DAY_MS,
  template_versions: 30 * DAY_MS,
  files: 7 * DAY_MS,
  user_status_changes: 100 * DAY_MS,
  metrics: 90 * DAY_MS,
}

export type Retained = keyof typeof retentionMs
