/** How long what grows is kept. The one list: the purge reads it, and so does the page for operators. */

const DAY_MS = 86_400_000

export type Retained =
  | "provisioner_job_logs"
  | "provisioner_job_timings"
  | "workspace_agent_logs"
  | "workspace_agent_script_timings"
  | "workspace_agent_stats"
  | "workspace_app_stats"
  | "template_usage_stats"
  | "audit_logs"
  | "notification_messages"
  | "inbox_notifications"
  | "lifecycle_ticks"
  | "api_keys"
  | "provisioner_daemons"
  | "provisioner_state"
  | "files"

/** Raw statistics go a day after they were rolled up at the latest; the rest by their own instants. */
export const retentionMs: Record<Retained, number> = {
  provisioner_job_logs: 30 * DAY_MS,
  provisioner_job_timings: 30 * DAY_MS,
  workspace_agent_logs: 30 * DAY_MS,
  workspace_agent_script_timings: 30 * DAY_MS,
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
  files: 7 * DAY_MS,
}
