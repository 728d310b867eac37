// Every router of the API, in the order in which their routes are matched.
//
// A literal path comes before one with a parameter in its place. A router that proves a credential
// for the routes below its path comes before the routers of those routes.
import { externalAgentRoutes } from "./agents/external/routes.ts"
import { forwardRoutes } from "./agents/forward/routes.ts"
import { connectRoutes } from "./agents/hub/connect-routes.ts"
import { ownerRoutes } from "./agents/owner/routes.ts"
import { peopleRoutes } from "./agents/people/routes.ts"
import { reinitRoutes } from "./agents/reinit/routes.ts"
import { appReportRoutes } from "./agents/reports/app-routes.ts"
import { agentLogRoutes } from "./agents/reports/log-routes.ts"
import { reportRoutes } from "./agents/reports/routes.ts"
import { subAgentRoutes } from "./agents/sub-agents/routes.ts"
import { auditRoutes } from "./audit/routes.ts"
import { buildCreateRoutes } from "./builds/create/routes.ts"
import { buildReadRoutes } from "./builds/read-routes.ts"
import { appearanceRoutes } from "./deployment/appearance.ts"
import { configRoutes } from "./deployment/config.ts"
import { connectionRoutes } from "./deployment/connections/routes.ts"
import { entitlementRoutes } from "./deployment/entitlements.ts"
import { healthRoutes } from "./deployment/health/routes.ts"
import { deploymentRoutes } from "./deployment/routes.ts"
import { inboxWatchRoutes } from "./feed/inbox-routes.ts"
import { workspaceWatchRoutes } from "./feed/workspace-routes.ts"
import { assignableRoleRoutes } from "./identity/assignable-roles.ts"
import { authCheckRoutes } from "./identity/authcheck-routes.ts"
import { firstUserRoutes } from "./identity/first-user.ts"
import { groupRoutes } from "./identity/organizations/group-routes.ts"
import { memberRoutes } from "./identity/organizations/member-routes.ts"
import { organizationRoutes } from "./identity/organizations/routes.ts"
import { apiKeyRoutes } from "./identity/sessions/key-routes.ts"
import { sessionRoutes } from "./identity/sessions/routes.ts"
import { userChangeRoutes } from "./identity/users/change-routes.ts"
import { userCreateRoutes } from "./identity/users/create-routes.ts"
import { gitKeyRoutes } from "./identity/users/git-key-routes.ts"
import { personalRoutes } from "./identity/users/personal-routes.ts"
import { userReadRoutes } from "./identity/users/read-routes.ts"
import { userSettingRoutes } from "./identity/users/setting-routes.ts"
import { deploymentStatsRoutes } from "./insights/deployment-routes.ts"
import { insightsRoutes } from "./insights/routes.ts"
import { runningTimeRoutes } from "./insights/running-time/routes.ts"
import { lifecycleRoutes } from "./lifecycle/routes.ts"
import { notificationPreferenceRoutes } from "./notifications/preference-routes.ts"
import { inboxRoutes } from "./notifications/inbox-routes.ts"
import { webhookRoutes } from "./notifications/webhook-routes.ts"
import { prebuildRoutes } from "./pools/routes.ts"
import { keyRoutes as provisionerKeyRoutes } from "./queue/daemons/key-routes.ts"
import { daemonRoutes } from "./queue/daemons/routes.ts"
import { jobRoutes } from "./queue/jobs/routes.ts"
import { listRoutes as queueListRoutes } from "./queue/lists/routes.ts"
import { templateAccessRoutes } from "./templates/access-routes.ts"
import { templateChangeRoutes } from "./templates/change-routes.ts"
import { dryRunRoutes } from "./templates/dry-run/routes.ts"
import { fileRoutes } from "./templates/files/routes.ts"
import { templateRoutes } from "./templates/routes.ts"
import { versionChangeRoutes } from "./templates/versions/change-routes.ts"
import { versionEvaluateRoutes } from "./templates/versions/evaluate-routes.ts"
import { versionDetailRoutes } from "./templates/versions/detail-routes.ts"
import { versionRoutes } from "./templates/versions/routes.ts"
import { usageBatchRoutes } from "./usage/batch-routes.ts"
import { usageRoutes } from "./usage/routes.ts"
import { workspaceCreateRoutes } from "./workspaces/create/routes.ts"
import { workspaceFleetRoutes } from "./workspaces/fleet-routes.ts"
import { portShareRoutes } from "./workspaces/port-share-routes.ts"
import { workspaceReadRoutes } from "./workspaces/read-routes.ts"
import { workspaceScheduleRoutes } from "./workspaces/schedule/routes.ts"
import { workspaceSettingsRoutes } from "./workspaces/settings/routes.ts"

const deployment = [
  deploymentRoutes,
  entitlementRoutes,
  appearanceRoutes,
  configRoutes,
  healthRoutes,
  connectionRoutes,
]
const identity = [
  // Literal paths come before those with a parameter in the same place.
  assignableRoleRoutes,
  authCheckRoutes,
  firstUserRoutes,
  sessionRoutes,
  apiKeyRoutes,
  organizationRoutes,
  memberRoutes,
  groupRoutes,
  userCreateRoutes,
  userReadRoutes,
  userChangeRoutes,
  userSettingRoutes,
  personalRoutes,
  gitKeyRoutes,
  notificationPreferenceRoutes,
]
const workspaces = [
  workspaceReadRoutes,
  workspaceCreateRoutes,
  workspaceScheduleRoutes,
  workspaceSettingsRoutes,
  workspaceFleetRoutes,
  portShareRoutes,
  workspaceWatchRoutes,
  inboxWatchRoutes,
]
const agents = [
  reportRoutes,
  appReportRoutes,
  agentLogRoutes,
  ownerRoutes,
  subAgentRoutes,
  connectRoutes,
  reinitRoutes,
  forwardRoutes,
  peopleRoutes,
  externalAgentRoutes,
]
const templates = [
  fileRoutes,
  versionRoutes,
  versionDetailRoutes,
  versionEvaluateRoutes,
  versionChangeRoutes,
  dryRunRoutes,
  templateRoutes,
  templateChangeRoutes,
  templateAccessRoutes,
]

/** Mounted below `/api/v2`. */
export const apiRouters = [
  ...deployment,
  ...identity,
  auditRoutes,
  inboxRoutes,
  webhookRoutes,
  ...workspaces,
  lifecycleRoutes,
  usageRoutes,
  usageBatchRoutes,
  ...agents,
  ...templates,
  prebuildRoutes,
  buildCreateRoutes,
  buildReadRoutes,
  insightsRoutes,
  deploymentStatsRoutes,
  runningTimeRoutes,
  provisionerKeyRoutes,
  daemonRoutes,
  jobRoutes,
  queueListRoutes,
]
