// Every metric of the page. Alerts and dashboards depend on the names.

export type MetricType = "counter" | "gauge" | "histogram"
export type MetricFamily = {
  name: string
  type: MetricType
  help: string
  /**
   * The value of a gauge without labels before the first measurement; without it the gauge is left
   * out.
   */
  initial?: number
}

const pool = "coderd_prebuilt_workspaces"

/** In the order of the page. Published dashboards use the names that begin with coderd_. */
export const metricFamilies = [
  { name: `${pool}_created_total`, type: "counter", help: "Prebuilds that were asked for." },
  { name: `${pool}_failed_total`, type: "counter", help: "Prebuilds whose first build failed." },
  {
    name: `${pool}_claimed_total`,
    type: "counter",
    help: "Prebuilds that were handed to a person.",
  },
  {
    name: `${pool}_missed_total`,
    type: "counter",
    help: "Workspaces created from a preset with a pool without a prebuild to claim.",
  },
  {
    name: `${pool}_resource_replacements_total`,
    type: "counter",
    help: "Claims whose build replaced resources.",
  },
  { name: `${pool}_desired`, type: "gauge", help: "Prebuilds that the preset wants now." },
  { name: `${pool}_running`, type: "gauge", help: "Prebuilds that run, expired ones included." },
  { name: `${pool}_eligible`, type: "gauge", help: "Prebuilds that can be claimed." },
  {
    name: `${pool}_preset_hard_limited`,
    type: "gauge",
    help: "1 where the newest prebuilds all failed and no more are made.",
  },
  {
    name: `${pool}_preset_validation_failed`,
    type: "gauge",
    help: "1 where the preset's parameters can never make a build.",
  },
  {
    name: `${pool}_metrics_last_updated`,
    type: "gauge",
    help: "Unix time at which the pools were last read.",
    initial: 0,
  },
  {
    name: `${pool}_reconciliation_paused`,
    type: "gauge",
    help: "1 while an administrator has paused the reconcile.",
    initial: 0,
  },
  {
    name: "coderd_prebuilds_reconciliation_duration_seconds",
    type: "histogram",
    help: "Time that one reconcile of all pools took.",
  },
  {
    name: "coderd_workspace_creation_duration_seconds",
    type: "histogram",
    help: "From start to end of a first build that succeeded, by type.",
  },
  {
    name: "coderd_prebuilt_workspace_claim_duration_seconds",
    type: "histogram",
    help: "From start to end of a claim's build that succeeded.",
  },
  {
    name: "coderd_workspace_builds_total",
    type: "counter",
    help: "Workspace builds that succeeded or failed, by workspace. A series ends after a day.",
  },
  {
    name: "coderd_workspace_latest_build_status",
    type: "gauge",
    help: "Workspaces by the status of their latest build, by template and owner.",
  },
  {
    name: "coderd_api_workspace_latest_build",
    type: "gauge",
    help: "Workspaces by the status of their latest build.",
  },
  {
    name: "coderd_agents_up",
    type: "gauge",
    help: "Connected agents of each workspace.",
  },
  {
    name: "coderd_agents_connections",
    type: "gauge",
    help: "Agents by status and lifecycle state.",
  },
  {
    name: "coderd_provisionerd_num_daemons",
    type: "gauge",
    help: "Provisioner daemons that were seen within 90 seconds.",
    initial: 0,
  },
  {
    name: "coderd_provisionerd_jobs_current",
    type: "gauge",
    help: "Jobs that daemons are running.",
  },
  {
    name: "coderd_workspace_builds_enqueued_total",
    type: "counter",
    help: "Workspace builds that were asked for.",
  },
  {
    name: "coderd_provisioner_job_queue_wait_seconds",
    type: "histogram",
    help: "From asking for a job to its start on a daemon.",
  },
  { name: "dormouse_builds_total", type: "counter", help: "Workspace builds that ended." },
  {
    name: "dormouse_build_duration_seconds",
    type: "histogram",
    help: "From start to end of a workspace build.",
  },
  {
    name: "dormouse_provisioner_queue_depth",
    type: "gauge",
    help: "Jobs that wait for a daemon, by organization and tags.",
  },
  {
    name: "dormouse_provisioner_queue_oldest_seconds",
    type: "gauge",
    help: "Age of the oldest job that waits, by organization and tags.",
  },
  {
    name: "dormouse_provisioner_jobs_running",
    type: "gauge",
    help: "Jobs that a daemon is running.",
  },
  {
    name: "dormouse_provisioner_daemons_alive",
    type: "gauge",
    help: "Daemons that were heard of within 90 seconds, by organization.",
  },
  {
    name: "dormouse_lifecycle_ticks_total",
    type: "counter",
    help: "Runs of the lifecycle, by source and outcome.",
  },
  {
    name: "dormouse_lifecycle_actions_total",
    type: "counter",
    help: "What the lifecycle did, by rule; waiting_ is what it could not do yet.",
  },
  {
    name: "dormouse_lifecycle_lag_seconds",
    type: "gauge",
    help: "How late the last run began after its minute.",
  },
  {
    name: "dormouse_lifecycle_tick_duration_seconds",
    type: "gauge",
    help: "How long the last run took.",
  },
  {
    name: "dormouse_lifecycle_last_tick_timestamp_seconds",
    type: "gauge",
    help: "Unix time of the last run's minute.",
  },
  {
    name: "dormouse_lifecycle_due",
    type: "gauge",
    help: "Workspaces whose bound has passed and that a run should look at.",
  },
  {
    name: "dormouse_lifecycle_overdue_seconds",
    type: "gauge",
    help: "How long the earliest passed bound has waited; dirty ones left aside.",
  },
  {
    name: "dormouse_workspaces",
    type: "gauge",
    help: "Workspaces that are not deleted, by state.",
  },
  {
    name: "dormouse_usage_tracker_depth",
    type: "gauge",
    help: "Marks of use that a tracker shard has not written yet.",
  },
  {
    name: "dormouse_usage_flush_lag_seconds",
    type: "gauge",
    help: "Age of the oldest mark that a tracker shard has not written yet.",
  },
  {
    name: "dormouse_outbox_pending",
    type: "gauge",
    help: "Notifications that wait to be delivered.",
  },
  {
    name: "dormouse_outbox_oldest_seconds",
    type: "gauge",
    help: "Age of the oldest notification that waits.",
  },
  {
    name: "dormouse_metrics_last_updated_timestamp_seconds",
    type: "gauge",
    help: "Unix time at which the roll-ups were last refreshed.",
  },
] as const satisfies readonly MetricFamily[]

export type MetricName = (typeof metricFamilies)[number]["name"]

/** Upper bounds of histogram buckets in seconds; the infinite one is implied. */
export const bucketBounds = {
  coderd_prebuilds_reconciliation_duration_seconds: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  coderd_workspace_creation_duration_seconds: [1, 10, 30, 60, 120, 300, 600, 1800, 3600],
  coderd_prebuilt_workspace_claim_duration_seconds: [1, 5, 10, 20, 30, 60, 120, 300, 600],
  coderd_provisioner_job_queue_wait_seconds: [0.1, 0.5, 1, 5, 10, 30, 60, 180, 600, 1800],
  dormouse_build_duration_seconds: [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600],
} as const satisfies Partial<Record<MetricName, readonly number[]>>
