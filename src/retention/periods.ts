// How long rows are kept that would grow without bound.
//
// This is the one list: the purge reads it, and a test holds the operators' page to it.

const dayMs = 86_400_000

/**
 * By table. `provisioner_state` is a column of the builds. `provisioner_jobs` stands for old builds
 * with everything that they left.
 */
export const retentionMs = {
  provisioner_job_logs: 30 * dayMs,
  provisioner_job_timings: 30 * dayMs,
  workspace_agent_logs: 30 * dayMs,
  workspace_agent_script_timings: 30 * dayMs,
  workspace_app_statuses: 30 * dayMs,
  workspace_agent_stats: dayMs,
  workspace_app_stats: 2 * dayMs,
  template_usage_stats: 400 * dayMs,
  audit_logs: 365 * dayMs,
  notification_messages: 7 * dayMs,
  inbox_notifications: 90 * dayMs,
  lifecycle_ticks: 30 * dayMs,
  api_keys: 7 * dayMs,
  provisioner_daemons: 7 * dayMs,
  provisioner_state: 30 * dayMs,
  provisioner_jobs: 400 * dayMs,
  template_versions: 30 * dayMs,
  files: 7 * dayMs,
  user_status_changes: 100 * dayMs,
  metrics: 90 * dayMs,
}

export type Retained = keyof typeof retentionMs
