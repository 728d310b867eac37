// The features that clients ask about by name (api.md 2.1). All of them are on.

const featureNames = [
  "user_limit",
  "audit_log",
  "connection_log",
  "browser_only",
  "scim",
  "template_rbac",
  "user_role_management",
  "high_availability",
  "multiple_external_auth",
  "external_provisioner_daemons",
  "appearance",
  "advanced_template_scheduling",
  "workspace_proxy",
  "external_token_encryption",
  "workspace_batch_actions",
  "task_batch_actions",
  "access_control",
  "control_shared_ports",
  "custom_roles",
  "multiple_organizations",
  "workspace_prebuilds",
  "managed_agent_limit",
  "workspace_external_agent",
  "aibridge",
  "boundary",
  "service_accounts",
  "ai_governance_user_limit",
] as const

export const features = Object.fromEntries(
  featureNames.map((name) => [name, { entitlement: "entitled" as const, enabled: true }]),
)
