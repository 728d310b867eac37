// Examples of bodies whose fields must fit together, which no example of a single field can show.

const id = "5b9e1c0a-3d3f-4e55-9f0e-8d3c3f1f4a11"
const template = {
  display_name: "Docker",
  description: "A Linux machine with Docker",
  icon: "/icon/docker.svg",
  default_ttl_ms: 28_800_000,
  activity_bump_ms: 3_600_000,
  time_til_autostop_notify_ms: 1_800_000,
  autostop_requirement: { days_of_week: ["saturday"], weeks: 1 },
  autostart_requirement: { days_of_week: ["monday", "tuesday", "wednesday"] },
  allow_user_autostart: true,
  allow_user_autostop: true,
}
const user = {
  email: "alice@example.com",
  username: "alice",
  name: "Alice Example",
  password: "correct horse battery staple",
}

/** By method and path. */
export const bodyExamples: Record<string, unknown> = {
  "POST /api/v2/authcheck": {
    checks: {
      "create-templates": {
        object: { resource_type: "template", organization_id: id },
        action: "create",
      },
    },
  },
  "POST /api/v2/users/first": user,
  "POST /api/v2/users": {
    ...user,
    login_type: "password",
    user_status: "active",
    organization_ids: [id],
  },
  "PUT /api/v2/users/{user}/roles": { roles: ["template-admin"] },
  "PUT /api/v2/users/{user}/profile": { username: "alice", name: "Alice Example" },
  "PUT /api/v2/users/{user}/password": {
    old_password: "correct horse battery staple",
    password: "another horse, another staple",
  },
  "PUT /api/v2/users/{user}/quiet-hours": { schedule: "CRON_TZ=Europe/Berlin 0 22 * * *" },
  "POST /api/v2/users/{user}/keys/tokens": {
    token_name: "ci",
    lifetime: 604_800_000_000_000,
    scopes: ["workspace:read"],
    allow_list: [`workspace:${id}`],
  },
  "PUT /api/v2/organizations/{organization}/members/{user}/roles": {
    roles: ["organization-template-admin"],
  },
  "POST /api/v2/organizations/{organization}/templates": {
    name: "docker",
    template_version_id: id,
    ...template,
  },
  "PATCH /api/v2/templates/{id}": { name: "docker", ...template },
  "POST /api/v2/organizations/{organization}/templateversions": {
    name: "brave_lamp4821",
    message: "Use the new image",
    template_id: id,
    storage_method: "file",
    file_id: id,
    provisioner: "terraform",
    tags: {},
    user_variable_values: [{ name: "image", value: "ubuntu" }],
  },
  "POST /api/v2/notifications/webhooks": { url: "https://hooks.example.com/dormouse" },
  "PUT /api/v2/workspaces/{workspace}/extend": { deadline: "2030-01-01T22:00:00Z" },
  "POST /api/v2/workspaceagents/me/startup": {
    version: "v2.36.0",
    expanded_directory: "/home/alice",
    subsystems: ["envbuilder"],
  },
  "POST /api/v2/workspaceagents/me/report-lifecycle": {
    state: "ready",
    changed_at: "2024-01-01T12:00:00Z",
  },
  "PATCH /api/v2/workspaceagents/me/app-status": {
    app_slug: "code",
    state: "working",
    message: "Compiling",
    uri: "https://ci.example.com/runs/42",
  },
}
