-- Tables, columns, constraints and indexes.
--
-- Functions, views and triggers are in code/; nothing in a numbered file may depend on them.
-- Instants are timestamptz(3): whole milliseconds, the precision of JavaScript's Date, so that a
-- value that was read and is bound again compares equal. "No value" is null, never a zero time.
-- Durations are whole milliseconds in columns whose names end in _ms.

-- Names are searched by substring, which needs trigram indexes.
create extension if not exists pg_trgm;

-- Identity --------------------------------------------------------------------------------------

create table users (
  id uuid primary key,
  email text not null,
  username text not null,
  name text not null default '',
  avatar_url text not null default '',
  -- The scrypt hash of the password with its parameters. Empty if there is no password.
  hashed_password text not null default '',
  status text not null default 'dormant',
  login_type text not null default 'password',
  site_roles text[] not null default '{}',
  quiet_hours_schedule text not null default '',
  is_system boolean not null default false,
  is_service_account boolean not null default false,
  deleted boolean not null default false,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  last_seen_at timestamptz(3),
  constraint users_status check (status in ('active', 'dormant', 'suspended')),
  constraint users_login_type check (
    login_type in ('password', 'github', 'oidc', 'token', 'none')
  ),
  -- An owner is never suspended: the role must be removed first.
  constraint users_owner_not_suspended check (
    not (status = 'suspended' and 'owner' = any(site_roles))
  )
);
create unique index users_username_live on users (lower(username)) where not deleted;
create unique index users_email_live on users (lower(email)) where not deleted and email <> '';
create index users_username_trgm on users using gin (lower(username) gin_trgm_ops);
create index users_email_trgm on users using gin (lower(email) gin_trgm_ops);

create table organizations (
  id uuid primary key,
  name text not null,
  display_name text not null default '',
  description text not null default '',
  icon text not null default '',
  is_default boolean not null default false,
  default_org_member_roles text[] not null default '{}',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  deleted boolean not null default false
);
create unique index organizations_name_live on organizations (lower(name)) where not deleted;
create unique index organizations_one_default on organizations (is_default) where is_default;

create table organization_members (
  user_id uuid not null,
  organization_id uuid not null,
  roles text[] not null default '{}',
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  constraint organization_members_organization_id_user_id_pk
    primary key (organization_id, user_id),
  constraint organization_members_user_id_users_id_fk
    foreign key (user_id) references users on delete cascade,
  constraint organization_members_organization_id_organizations_id_fk
    foreign key (organization_id) references organizations on delete cascade
);
create index organization_members_user on organization_members (user_id);

create table groups (
  id uuid primary key,
  organization_id uuid not null,
  name text not null,
  display_name text not null default '',
  quota_allowance integer not null default 0,
  created_at timestamptz(3) not null,
  constraint groups_organization_id_organizations_id_fk
    foreign key (organization_id) references organizations on delete cascade
);
create unique index groups_name on groups (organization_id, lower(name));

create table group_members (
  group_id uuid not null,
  user_id uuid not null,
  constraint group_members_group_id_user_id_pk primary key (group_id, user_id),
  constraint group_members_group_id_groups_id_fk
    foreign key (group_id) references groups on delete cascade,
  constraint group_members_user_id_users_id_fk
    foreign key (user_id) references users on delete cascade
);

-- Sessions and tokens. Only the SHA-256 of the secret is stored.
create table api_keys (
  id text primary key,
  user_id uuid not null,
  hashed_secret bytea not null,
  login_type text not null,
  token_name text not null default '',
  scopes text[] not null default '{coder:all}',
  allow_list text[] not null default '{*:*}',
  lifetime_seconds bigint not null,
  -- The workspace whose start minted this session, so that the claim and the stop can revoke it
  -- in their own statements.
  workspace_id uuid,
  ip text not null default '',
  last_used_at timestamptz(3),
  expires_at timestamptz(3) not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  constraint api_keys_user_id_users_id_fk foreign key (user_id) references users on delete cascade,
  constraint api_keys_id_shape check (length(id) = 10),
  constraint api_keys_hash_length check (length(hashed_secret) = 32)
);
create index api_keys_user on api_keys (user_id);
create index api_keys_expires on api_keys (expires_at);
-- Keys in use, the newest first: a usage shard that does not know enough of its callers reads the
-- likely ones. A key moves in this index once an hour.
create index api_keys_last_used on api_keys (last_used_at);
create index api_keys_workspace on api_keys (workspace_id) where workspace_id is not null;
create unique index api_keys_token_name
  on api_keys (user_id, token_name) where login_type = 'token';

-- One row per setting, such as prebuilds_settings and deployment_id.
create table site_configs (
  key text primary key,
  value jsonb not null
);

create table audit_logs (
  id uuid primary key,
  time timestamptz(3) not null,
  request_id text not null,
  user_id uuid,
  organization_id uuid,
  ip text not null default '',
  user_agent text not null default '',
  resource_type text not null,
  resource_id uuid not null,
  resource_target text not null,
  resource_icon text not null default '',
  action text not null,
  diff jsonb not null default '{}',
  status_code integer not null,
  additional_fields jsonb not null default '{}'
);
create index audit_logs_time on audit_logs (time desc nulls last, id);
create index audit_logs_resource on audit_logs (resource_id);
create index audit_logs_user on audit_logs (user_id, time desc nulls last);
create index audit_logs_organization on audit_logs (organization_id, time desc nulls last);

-- Files -----------------------------------------------------------------------------------------

-- The record of an uploaded archive. Its bytes are in R2 under the hash, once per content.
create table files (
  id uuid primary key,
  hash text not null,
  mimetype text not null,
  size_bytes bigint not null,
  created_by uuid not null,
  created_at timestamptz(3) not null,
  constraint files_hash_creator unique (hash, created_by),
  constraint files_created_by_users_id_fk foreign key (created_by) references users
);

-- The job queue ---------------------------------------------------------------------------------

-- What daemons authenticate with.
create table provisioner_keys (
  id uuid primary key,
  organization_id uuid not null,
  name text not null,
  hashed_secret bytea not null,
  tags jsonb not null,
  created_at timestamptz(3) not null,
  constraint provisioner_keys_organization_id_organizations_id_fk
    foreign key (organization_id) references organizations on delete cascade
);
create unique index provisioner_keys_name on provisioner_keys (organization_id, lower(name));
create unique index provisioner_keys_secret on provisioner_keys (hashed_secret);

create table provisioner_daemons (
  id uuid primary key,
  organization_id uuid not null,
  key_id uuid not null,
  name text not null,
  version text not null default '',
  api_version text not null default '1.0',
  provisioners text[] not null,
  tags jsonb not null,
  created_at timestamptz(3) not null,
  last_seen_at timestamptz(3),
  constraint provisioner_daemons_organization_id_organizations_id_fk
    foreign key (organization_id) references organizations on delete cascade,
  constraint provisioner_daemons_key_id_provisioner_keys_id_fk
    foreign key (key_id) references provisioner_keys on delete cascade
);
create unique index provisioner_daemons_identity
  on provisioner_daemons (organization_id, name, lower(coalesce(tags ->> 'owner', '')));
create index provisioner_daemons_seen on provisioner_daemons (last_seen_at);

-- A unit of work for a daemon.
create table provisioner_jobs (
  id uuid primary key,
  organization_id uuid not null,
  initiator_id uuid not null,
  type text not null,
  provisioner text not null default 'terraform',
  file_id uuid not null,
  input jsonb not null,
  tags jsonb not null,
  worker_id uuid,
  -- Tokens minted when a daemon acquired a build's job, by agent name: the SHA-256, and the
  -- encrypted token if it must be shown again. They move to the agents when the job completes.
  agent_tokens jsonb,
  error text,
  error_code text,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  started_at timestamptz(3),
  canceled_at timestamptz(3),
  completed_at timestamptz(3),
  logs_length integer not null default 0,
  logs_overflowed boolean not null default false,
  -- Every rule depends on the status, so the database computes it.
  job_status text not null generated always as (
    case
      when completed_at is not null then
        case when error <> '' then 'failed'
          when canceled_at is not null then 'canceled'
          else 'succeeded' end
      when error <> '' then 'failed'
      when canceled_at is not null then 'canceling'
      when started_at is null then 'pending'
      else 'running'
    end
  ) stored,
  -- The order of the queue: jobs of people first, then prebuilds that are given back (they free a
  -- machine), then new prebuilds. Within a rank the oldest job is next.
  queue_rank integer not null generated always as (
    case
      when initiator_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0' then 0
      when input @> '{"prebuild_delete": true}' then 1
      else 2
    end
  ) stored,
  constraint provisioner_jobs_organization_id_organizations_id_fk
    foreign key (organization_id) references organizations,
  constraint provisioner_jobs_initiator_id_users_id_fk foreign key (initiator_id) references users,
  constraint provisioner_jobs_file_id_files_id_fk foreign key (file_id) references files,
  constraint provisioner_jobs_type check (
    type in ('template_version_import', 'workspace_build', 'template_version_dry_run')
  ),
  constraint provisioner_jobs_logs_length check (logs_length between 0 and 1048576),
  constraint provisioner_jobs_started_by check (worker_id is null or started_at is not null)
);
-- Acquire and the queue position read the pending jobs in this order.
create index provisioner_jobs_queue
  on provisioner_jobs (organization_id, queue_rank, created_at, id)
  where started_at is null and completed_at is null;
-- The reaper reads all unfinished jobs.
create index provisioner_jobs_unfinished
  on provisioner_jobs (updated_at) where completed_at is null;
-- The roll-ups and the retention read recently started and ended jobs.
create index provisioner_jobs_created on provisioner_jobs (created_at);
create index provisioner_jobs_completed
  on provisioner_jobs (completed_at) where completed_at is not null;
create index provisioner_jobs_worker on provisioner_jobs (worker_id) where completed_at is null;
create index provisioner_jobs_organization
  on provisioner_jobs (organization_id, created_at desc nulls last);
-- Retention removes uploads that nothing uses; without this the foreign key would read all jobs
-- for each. Equal keys are stored once, so the index is small.
create index provisioner_jobs_file on provisioner_jobs (file_id);

create table provisioner_job_logs (
  id bigint generated always as identity primary key,
  job_id uuid not null,
  created_at timestamptz(3) not null,
  source text not null,
  level text not null,
  stage text not null,
  output text not null,
  constraint provisioner_job_logs_job_id_provisioner_jobs_id_fk
    foreign key (job_id) references provisioner_jobs on delete cascade
);
create index provisioner_job_logs_job on provisioner_job_logs (job_id, id);
-- BRIN, because the table only grows.
create index provisioner_job_logs_created on provisioner_job_logs using brin (created_at);

create table provisioner_job_timings (
  id bigint generated always as identity primary key,
  job_id uuid not null,
  started_at timestamptz(3) not null,
  ended_at timestamptz(3) not null,
  stage text not null,
  source text not null default '',
  action text not null default '',
  resource text not null default '',
  constraint provisioner_job_timings_job_id_provisioner_jobs_id_fk
    foreign key (job_id) references provisioner_jobs on delete cascade
);
create index provisioner_job_timings_job on provisioner_job_timings (job_id);

-- Templates -------------------------------------------------------------------------------------

-- A template, with the schedule policy of its workspaces.
create table templates (
  id uuid primary key,
  organization_id uuid not null,
  name text not null,
  display_name text not null default '',
  description text not null default '',
  icon text not null default '',
  provisioner text not null default 'terraform',
  active_version_id uuid not null,
  created_by uuid not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  deleted boolean not null default false,
  deprecation_message text not null default '',
  default_ttl_ms bigint not null default 0,
  activity_bump_ms bigint not null default 3600000,
  time_til_autostop_notify_ms bigint not null default 0,
  autostop_requirement_days integer not null default 0,
  autostop_requirement_weeks integer not null default 1,
  -- The allowed days; bit 0 is Monday. Coder stores the inverse.
  autostart_days integer not null default 127,
  allow_user_autostart boolean not null default true,
  allow_user_autostop boolean not null default true,
  allow_user_cancel_workspace_jobs boolean not null default false,
  failure_ttl_ms bigint not null default 0,
  time_til_dormant_ms bigint not null default 0,
  time_til_dormant_autodelete_ms bigint not null default 0,
  -- Set while the workspaces have not yet followed a change of the schedule.
  -- schedule_changed_starts is true if the allowed days changed as well.
  schedule_changed_at timestamptz(3),
  schedule_changed_starts boolean not null default false,
  -- The last workspace, by id, that followed the change: the next tick continues after it.
  schedule_followed_to uuid,
  require_active_version boolean not null default false,
  disable_everyone_group_access boolean not null default false,
  max_port_share_level text not null default 'public',
  cors_behavior text not null default 'simple',
  use_classic_parameter_flow boolean not null default true,
  disable_module_cache boolean not null default false,
  -- Written by a roll-up: distinct owners, and P50 and P95 in ms per transition (null at first).
  active_user_count integer not null default 0,
  build_time_stats jsonb,
  constraint templates_organization_id_organizations_id_fk
    foreign key (organization_id) references organizations,
  constraint templates_created_by_users_id_fk foreign key (created_by) references users,
  constraint templates_autostop_days check (autostop_requirement_days between 0 and 127),
  constraint templates_autostop_weeks check (autostop_requirement_weeks between 1 and 16),
  constraint templates_autostart_days check (autostart_days between 0 and 127),
  constraint templates_durations check (
    least(
      default_ttl_ms, activity_bump_ms, time_til_autostop_notify_ms, failure_ttl_ms,
      time_til_dormant_ms, time_til_dormant_autodelete_ms
    ) >= 0
  )
);
create unique index templates_name_live
  on templates (organization_id, lower(name)) where not deleted;
-- Templates with workspaces that have not followed a change of the schedule.
create index templates_schedule_changed
  on templates (schedule_changed_at) where schedule_changed_at is not null;

-- A version never changes except for its name, message and archived flag.
create table template_versions (
  id uuid primary key,
  template_id uuid,
  organization_id uuid not null,
  job_id uuid not null,
  file_id uuid not null,
  name text not null,
  message text not null default '',
  readme text not null default '',
  archived boolean not null default false,
  has_external_agent boolean,
  created_by uuid not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  constraint template_versions_job unique (job_id),
  constraint template_versions_template_id_templates_id_fk
    foreign key (template_id) references templates,
  constraint template_versions_organization_id_organizations_id_fk
    foreign key (organization_id) references organizations,
  constraint template_versions_job_id_provisioner_jobs_id_fk
    foreign key (job_id) references provisioner_jobs,
  constraint template_versions_file_id_files_id_fk foreign key (file_id) references files,
  constraint template_versions_created_by_users_id_fk foreign key (created_by) references users
);
create unique index template_versions_name
  on template_versions (template_id, lower(name)) where template_id is not null;
create index template_versions_template on template_versions (template_id, created_at, id);

-- Templates and their versions refer to each other.
alter table templates add
  constraint templates_active_version_id_template_versions_id_fk
    foreign key (active_version_id) references template_versions;

create table template_version_parameters (
  template_version_id uuid not null,
  name text not null,
  display_order integer not null default 0,
  display_name text not null default '',
  description text not null default '',
  type text not null default 'string',
  form_type text not null default '',
  mutable boolean not null default false,
  default_value text not null default '',
  icon text not null default '',
  options jsonb not null default '[]',
  validation_regex text not null default '',
  validation_error text not null default '',
  validation_min integer,
  validation_max integer,
  validation_monotonic text not null default '',
  required boolean not null default true,
  ephemeral boolean not null default false,
  constraint template_version_parameters_template_version_id_name_pk
    primary key (template_version_id, name),
  constraint template_version_parameters_template_version_id_template_versio
    foreign key (template_version_id) references template_versions on delete cascade,
  constraint template_version_parameters_type check (
    type in ('string', 'number', 'bool', 'list(string)')
  )
);

create table template_version_variables (
  template_version_id uuid not null,
  name text not null,
  description text not null default '',
  type text not null default 'string',
  value text not null default '',
  default_value text not null default '',
  required boolean not null default false,
  sensitive boolean not null default false,
  constraint template_version_variables_template_version_id_name_pk
    primary key (template_version_id, name),
  constraint template_version_variables_template_version_id_template_version
    foreign key (template_version_id) references template_versions on delete cascade
);

create table template_version_presets (
  id uuid primary key,
  template_version_id uuid not null,
  name text not null,
  display_order integer not null default 0,
  description text not null default '',
  icon text not null default '',
  is_default boolean not null default false,
  -- Null if the preset has no prebuild configuration at all. 0 if it has one with a base of zero.
  desired_instances integer,
  invalidate_after_secs integer,
  scheduling_timezone text not null default '',
  prebuild_status text not null default 'healthy',
  last_invalidated_at timestamptz(3),
  -- Statements that create or delete prebuilds of a preset serialise on this.
  pool_version bigint not null default 0,
  created_at timestamptz(3) not null,
  constraint template_version_presets_name unique (template_version_id, name),
  constraint template_version_presets_template_version_id_template_versions_
    foreign key (template_version_id) references template_versions on delete cascade,
  constraint template_version_presets_status check (
    prebuild_status in ('healthy', 'hard_limited', 'validation_failed')
  )
);
create unique index template_version_presets_default
  on template_version_presets (template_version_id) where is_default;
create index template_version_presets_pool
  on template_version_presets (template_version_id) where desired_instances is not null;

create table template_version_preset_parameters (
  preset_id uuid not null,
  name text not null,
  value text not null,
  constraint template_version_preset_parameters_preset_id_name_pk primary key (preset_id, name),
  constraint preset_parameters_preset
    foreign key (preset_id) references template_version_presets on delete cascade
);

create table template_version_preset_prebuild_schedules (
  preset_id uuid not null,
  position integer not null,
  cron_expression text not null,
  desired_instances integer not null,
  constraint preset_schedules_pkey primary key (preset_id, position),
  constraint preset_schedules_preset
    foreign key (preset_id) references template_version_presets on delete cascade
);

-- Workspaces and builds -------------------------------------------------------------------------

create table workspaces (
  id uuid primary key,
  -- The prebuilds user's id marks a prebuild. There is no flag column.
  owner_id uuid not null,
  organization_id uuid not null,
  template_id uuid not null,
  name text not null,
  autostart_schedule text,
  ttl_ms bigint,
  next_start_at timestamptz(3),
  last_used_at timestamptz(3),
  dormant_at timestamptz(3),
  deleting_at timestamptz(3),
  automatic_updates text not null default 'never',
  favorite boolean not null default false,
  user_acl jsonb not null default '{}',
  group_acl jsonb not null default '{}',
  deleted boolean not null default false,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  -- A lower bound of the next instant at which a lifecycle rule can fire: null if none ever can
  -- (prebuilds, deleted workspaces), infinity while a build is active, -infinity if the workspace
  -- is dirty.
  check_at timestamptz(3),
  -- Copies that triggers maintain, so that lists sort and filter without joins.
  owner_name text not null default '',
  latest_build_id uuid,
  latest_build_number integer not null default 0,
  latest_transition text,
  latest_job_status text,
  constraint workspaces_owner_id_users_id_fk foreign key (owner_id) references users,
  constraint workspaces_organization_id_organizations_id_fk
    foreign key (organization_id) references organizations,
  constraint workspaces_template_id_templates_id_fk foreign key (template_id) references templates,
  constraint workspaces_automatic_updates check (automatic_updates in ('always', 'never')),
  constraint workspaces_ttl check (ttl_ms is null or ttl_ms > 0),
  -- Deletion ends dormancy and nothing else.
  constraint workspaces_deleting_is_dormant check (deleting_at is null or dormant_at is not null),
  -- A dormant workspace is not started by its schedule.
  constraint workspaces_dormant_never_starts check (dormant_at is null or next_start_at is null),
  -- The lifecycle does not apply to prebuilds.
  constraint workspaces_prebuild_has_no_lifecycle check (
    owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'
    or (
      autostart_schedule is null and next_start_at is null and ttl_ms is null
      and dormant_at is null and deleting_at is null and check_at is null
    )
  ),
  constraint workspaces_deleted_never_checked check (not deleted or check_at is null)
);
create unique index workspaces_name_live on workspaces (owner_id, lower(name)) where not deleted;
-- Deleted workspaces keep their names, so that include_deleted can find them.
create index workspaces_name_deleted on workspaces (owner_id, lower(name)) where deleted;
create index workspaces_check_at on workspaces (check_at, id) where check_at is not null;
create index workspaces_template on workspaces (template_id) where not deleted;
create index workspaces_organization on workspaces (organization_id) where not deleted;
-- The list's order after favourites: running ones first, then by owner, then by name.
create index workspaces_list_order on workspaces (
  (latest_transition = 'start' and latest_job_status = 'succeeded') desc,
  lower(owner_name),
  lower(name),
  id
) where not deleted;
create index workspaces_name_trgm
  on workspaces using gin (lower(name) gin_trgm_ops) where not deleted;
create index workspaces_latest_build on workspaces (latest_build_id);
-- The claim and the reconcile read the pools alone, however many workspaces people have.
create index workspaces_pool
  on workspaces (template_id)
  where owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0' and not deleted;

-- A build is one transition of a workspace, numbered from 1. The latest has the highest number.
create table workspace_builds (
  id uuid primary key,
  workspace_id uuid not null,
  template_version_id uuid not null,
  build_number integer not null,
  transition text not null,
  initiator_id uuid not null,
  job_id uuid not null,
  reason text not null default 'initiator',
  provisioner_state bytea,
  deadline timestamptz(3),
  max_deadline timestamptz(3),
  notified_autostop_deadline timestamptz(3),
  daily_cost integer not null default 0,
  template_version_preset_id uuid,
  has_external_agent boolean,
  -- A start that follows this stop when it succeeds. Taken once.
  on_success jsonb,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  constraint workspace_builds_job unique (job_id),
  constraint workspace_builds_number unique (workspace_id, build_number),
  constraint workspace_builds_workspace_id_workspaces_id_fk
    foreign key (workspace_id) references workspaces on delete cascade,
  constraint workspace_builds_template_version_id_template_versions_id_fk
    foreign key (template_version_id) references template_versions,
  constraint workspace_builds_initiator_id_users_id_fk foreign key (initiator_id) references users,
  constraint workspace_builds_job_id_provisioner_jobs_id_fk
    foreign key (job_id) references provisioner_jobs,
  constraint workspace_builds_template_version_preset_id_template_version_pr
    foreign key (template_version_preset_id) references template_version_presets on delete set null,
  constraint workspace_builds_transition check (transition in ('start', 'stop', 'delete')),
  constraint workspace_builds_number_from_one check (build_number >= 1),
  constraint workspace_builds_reason check (
    reason in (
      'initiator', 'autostart', 'autostop', 'dormancy', 'failedstop', 'autodelete', 'dashboard',
      'cli', 'ssh_connection', 'vscode_connection', 'jetbrains_connection', 'task_auto_pause',
      'task_manual_pause', 'task_resume'
    )
  ),
  -- A max deadline without a deadline is rejected.
  constraint workspace_builds_deadline_below_max_deadline check (
    max_deadline is null or (deadline is not null and deadline <= max_deadline)
  )
);
create index workspace_builds_version
  on workspace_builds (template_version_id, created_at desc nulls last);
create index workspace_builds_preset
  on workspace_builds (template_version_preset_id, created_at desc nulls last)
  where template_version_preset_id is not null;
create index workspace_builds_initiator on workspace_builds (initiator_id);
-- Stops with a start that has to follow them.
create index workspace_builds_follow_up
  on workspace_builds (updated_at) where on_success is not null;
-- States that retention drops once they are old and no longer the latest.
create index workspace_builds_state
  on workspace_builds (created_at) where provisioner_state is not null;

create table workspace_build_parameters (
  workspace_build_id uuid not null,
  name text not null,
  value text not null,
  constraint workspace_build_parameters_workspace_build_id_name_pk
    primary key (workspace_build_id, name),
  constraint workspace_build_parameters_workspace_build_id_workspace_builds_
    foreign key (workspace_build_id) references workspace_builds on delete cascade
);

-- Agents ----------------------------------------------------------------------------------------

create table workspace_resources (
  id uuid primary key,
  job_id uuid not null,
  transition text not null,
  type text not null,
  name text not null,
  hide boolean not null default false,
  icon text not null default '',
  daily_cost integer not null default 0,
  created_at timestamptz(3) not null,
  constraint workspace_resources_job_id_provisioner_jobs_id_fk
    foreign key (job_id) references provisioner_jobs on delete cascade
);
create index workspace_resources_job on workspace_resources (job_id);

create table workspace_resource_metadata (
  resource_id uuid not null,
  position integer not null,
  key text not null,
  value text not null default '',
  sensitive boolean not null default false,
  constraint workspace_resource_metadata_resource_id_position_pk
    primary key (resource_id, position),
  constraint workspace_resource_metadata_resource_id_workspace_resources_id_
    foreign key (resource_id) references workspace_resources on delete cascade
);

-- Agents are soft-deleted, so that their logs and statistics keep a parent.
create table workspace_agents (
  id uuid primary key,
  -- A sub-agent (dev container) has a parent on the same resource.
  parent_id uuid,
  resource_id uuid not null,
  -- Copies of the path to the workspace. Null for the agents of an import's plan.
  workspace_id uuid,
  build_id uuid,
  name text not null,
  display_order integer not null default 0,
  deleted boolean not null default false,
  -- The SHA-256 of the token. The token itself is stored encrypted, and only if it must be shown
  -- again.
  hashed_token bytea,
  encrypted_token text,
  auth_instance_id text,
  api_key_scope text not null default 'all',
  architecture text not null default '',
  operating_system text not null default '',
  directory text not null default '',
  expanded_directory text not null default '',
  environment_variables jsonb,
  display_apps text[] not null default '{}',
  motd_file text not null default '',
  troubleshooting_url text not null default '',
  connection_timeout_seconds integer not null default 120,
  version text not null default '',
  api_version text not null default '',
  subsystems text[] not null default '{}',
  lifecycle_state text not null default 'created',
  started_at timestamptz(3),
  ready_at timestamptz(3),
  first_connected_at timestamptz(3),
  last_connected_at timestamptz(3),
  disconnected_at timestamptz(3),
  -- True while the agent holds a socket. An agent is connected as long as it is open.
  socket_open boolean not null default false,
  logs_length integer not null default 0,
  logs_overflowed boolean not null default false,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  constraint workspace_agents_parent_id_workspace_agents_id_fk
    foreign key (parent_id) references workspace_agents on delete cascade,
  constraint workspace_agents_resource_id_workspace_resources_id_fk
    foreign key (resource_id) references workspace_resources on delete cascade,
  constraint workspace_agents_workspace_id_workspaces_id_fk
    foreign key (workspace_id) references workspaces on delete cascade,
  constraint workspace_agents_name check (name ~* '^[a-z0-9](-?[a-z0-9])*$'),
  constraint workspace_agents_logs_length check (logs_length between 0 and 1048576),
  constraint workspace_agents_lifecycle check (
    lifecycle_state in (
      'created', 'starting', 'start_timeout', 'start_error', 'ready', 'shutting_down',
      'shutdown_timeout', 'shutdown_error', 'off'
    )
  )
);
create index workspace_agents_resource on workspace_agents (resource_id);
create index workspace_agents_parent on workspace_agents (parent_id);
create index workspace_agents_workspace on workspace_agents (workspace_id) where not deleted;
create index workspace_agents_build on workspace_agents (build_id) where not deleted;
create index workspace_agents_instance
  on workspace_agents (auth_instance_id) where auth_instance_id is not null;
-- Among agents that are not deleted, names are unique in a build by exact name and in a resource
-- ignoring case. Indexes and not triggers: two concurrent inserts cannot both pass.
create unique index workspace_agents_build_name
  on workspace_agents (build_id, name) where not deleted and build_id is not null;
create unique index workspace_agents_resource_name
  on workspace_agents (resource_id, lower(name)) where not deleted;
create unique index workspace_agents_token
  on workspace_agents (hashed_token) where not deleted and hashed_token is not null;

create table workspace_apps (
  id uuid primary key,
  agent_id uuid not null,
  slug text not null,
  display_name text not null default '',
  icon text not null default '',
  command text not null default '',
  url text not null default '',
  external boolean not null default false,
  subdomain boolean not null default false,
  sharing_level text not null default 'owner',
  healthcheck_url text not null default '',
  healthcheck_interval_seconds integer not null default 0,
  healthcheck_threshold integer not null default 0,
  health text not null default 'disabled',
  display_order integer not null default 0,
  display_group text not null default '',
  hidden boolean not null default false,
  open_in text not null default 'slim-window',
  tooltip text not null default '',
  created_at timestamptz(3) not null,
  constraint workspace_apps_slug unique (agent_id, slug),
  constraint workspace_apps_agent_id_workspace_agents_id_fk
    foreign key (agent_id) references workspace_agents on delete cascade,
  constraint workspace_apps_health check (
    health in ('disabled', 'initializing', 'healthy', 'unhealthy')
  )
);

create table workspace_app_statuses (
  id uuid primary key,
  workspace_id uuid not null,
  agent_id uuid not null,
  app_id uuid not null,
  state text not null,
  message text not null default '',
  uri text not null default '',
  created_at timestamptz(3) not null,
  constraint workspace_app_statuses_workspace_id_workspaces_id_fk
    foreign key (workspace_id) references workspaces on delete cascade,
  constraint workspace_app_statuses_agent_id_workspace_agents_id_fk
    foreign key (agent_id) references workspace_agents on delete cascade,
  constraint workspace_app_statuses_app_id_workspace_apps_id_fk
    foreign key (app_id) references workspace_apps on delete cascade
);
create index workspace_app_statuses_workspace
  on workspace_app_statuses (workspace_id, created_at desc nulls last);
create index workspace_app_statuses_app
  on workspace_app_statuses (app_id, created_at desc nulls last);
-- Statuses are purged by age and deleted with their agent; neither may read the whole table.
create index workspace_app_statuses_agent on workspace_app_statuses (agent_id);
create index workspace_app_statuses_created on workspace_app_statuses (created_at);

create table workspace_agent_scripts (
  id uuid primary key,
  agent_id uuid not null,
  log_source_id uuid not null,
  log_path text not null default '',
  script text not null,
  cron text not null default '',
  run_on_start boolean not null default false,
  run_on_stop boolean not null default false,
  start_blocks_login boolean not null default false,
  timeout_seconds integer not null default 0,
  display_name text not null default '',
  created_at timestamptz(3) not null,
  constraint workspace_agent_scripts_agent_id_workspace_agents_id_fk
    foreign key (agent_id) references workspace_agents on delete cascade
);
create index workspace_agent_scripts_agent on workspace_agent_scripts (agent_id);

create table workspace_agent_script_timings (
  id bigint generated always as identity primary key,
  script_id uuid not null,
  started_at timestamptz(3) not null,
  ended_at timestamptz(3) not null,
  exit_code integer not null,
  stage text not null,
  status text not null,
  constraint workspace_agent_script_timings_script_id_workspace_agent_script
    foreign key (script_id) references workspace_agent_scripts on delete cascade
);
create index workspace_agent_script_timings_script on workspace_agent_script_timings (script_id);

create table workspace_agent_log_sources (
  agent_id uuid not null,
  id uuid not null,
  display_name text not null default '',
  icon text not null default '',
  created_at timestamptz(3) not null,
  constraint workspace_agent_log_sources_agent_id_id_pk primary key (agent_id, id),
  constraint workspace_agent_log_sources_agent_id_workspace_agents_id_fk
    foreign key (agent_id) references workspace_agents on delete cascade
);

create table workspace_agent_logs (
  id bigint generated always as identity primary key,
  agent_id uuid not null,
  log_source_id uuid not null,
  created_at timestamptz(3) not null,
  level text not null,
  output text not null,
  constraint workspace_agent_logs_agent_id_workspace_agents_id_fk
    foreign key (agent_id) references workspace_agents on delete cascade
);
create index workspace_agent_logs_agent on workspace_agent_logs (agent_id, id);
-- BRIN, because the table only grows.
create index workspace_agent_logs_created on workspace_agent_logs using brin (created_at);

create table workspace_agent_metadata (
  agent_id uuid not null,
  key text not null,
  display_name text not null default '',
  script text not null default '',
  display_order integer not null default 0,
  interval_seconds integer not null default 0,
  timeout_seconds integer not null default 0,
  value text not null default '',
  error text not null default '',
  collected_at timestamptz(3),
  constraint workspace_agent_metadata_agent_id_key_pk primary key (agent_id, key),
  constraint workspace_agent_metadata_agent_id_workspace_agents_id_fk
    foreign key (agent_id) references workspace_agents on delete cascade
);

-- Usage -----------------------------------------------------------------------------------------

-- One report of an agent, or one usage ping with a body (usage). There are no foreign keys: rows
-- outlive the workspace, agent and user that they name until they are purged.
create table workspace_agent_stats (
  id bigint generated always as identity primary key,
  created_at timestamptz(3) not null,
  user_id uuid not null,
  workspace_id uuid not null,
  template_id uuid not null,
  agent_id uuid not null,
  connections_by_proto jsonb not null default '{}',
  connection_count integer not null default 0,
  connection_median_latency_ms integer not null default -1,
  rx_packets bigint not null default 0,
  rx_bytes bigint not null default 0,
  tx_packets bigint not null default 0,
  tx_bytes bigint not null default 0,
  session_count_vscode integer not null default 0,
  session_count_jetbrains integer not null default 0,
  session_count_reconnecting_pty integer not null default 0,
  session_count_ssh integer not null default 0,
  usage boolean not null default false
);
create index workspace_agent_stats_created on workspace_agent_stats (created_at);

create table workspace_app_stats (
  id bigint generated always as identity primary key,
  user_id uuid not null,
  workspace_id uuid not null,
  agent_id uuid not null,
  session_id uuid not null,
  access_method text not null,
  slug_or_port text not null,
  session_started_at timestamptz(3) not null,
  session_ended_at timestamptz(3) not null,
  requests integer not null,
  constraint workspace_app_stats_session unique (user_id, agent_id, session_id),
  constraint workspace_app_stats_order check (session_ended_at >= session_started_at)
);
create index workspace_app_stats_started on workspace_app_stats (session_started_at);

-- Seconds of use per half hour, template and user, as insights read them.
create table template_usage_stats (
  start_time timestamptz(3) not null,
  template_id uuid not null,
  user_id uuid not null,
  usage_seconds integer not null default 0,
  vscode_seconds integer not null default 0,
  jetbrains_seconds integer not null default 0,
  reconnecting_pty_seconds integer not null default 0,
  ssh_seconds integer not null default 0,
  app_seconds jsonb,
  median_latency_ms integer,
  constraint template_usage_stats_start_time_template_id_user_id_pk
    primary key (start_time, template_id, user_id),
  constraint template_usage_stats_template_id_templates_id_fk
    foreign key (template_id) references templates on delete cascade,
  constraint template_usage_stats_user_id_users_id_fk
    foreign key (user_id) references users on delete cascade,
  -- A minute that is counted twice does not fit into a half hour that was used throughout.
  constraint template_usage_stats_half_hour check (usage_seconds between 0 and 1800)
);

-- The lifecycle and its notifications -----------------------------------------------------------

-- One row per run of the lifecycle at a minute. Runs may overlap, be late or be missed; each does
-- all that is due.
create table lifecycle_ticks (
  id bigint generated always as identity primary key,
  tick_at timestamptz(3) not null,
  started_at timestamptz(3) not null,
  finished_at timestamptz(3),
  source text not null default 'cron',
  lag_ms bigint not null default 0,
  -- Transitions by rule, reaped jobs and moved bounds, as the wide event reports them.
  counts jsonb not null default '{}',
  more boolean not null default false,
  -- Shards of the usage tracker that could not be flushed, so that explain can say that a rule
  -- waits for them. Null if nothing was due and no shard was asked.
  unflushed_shards integer[],
  error text
);
create index lifecycle_ticks_tick_at on lifecycle_ticks (tick_at desc nulls last);

-- The transactional outbox. The statement that causes a message writes it; it is delivered at
-- least once, always with the same key.
create table notification_messages (
  id uuid primary key,
  -- The same event of the same cause has the same key, so a repeated statement adds nothing.
  idempotency_key text not null,
  template_id uuid not null,
  user_id uuid not null,
  labels jsonb not null,
  targets uuid[] not null,
  created_by text not null,
  status text not null default 'pending',
  attempts integer not null default 0,
  next_attempt_at timestamptz(3) not null,
  last_error text,
  created_at timestamptz(3) not null,
  delivered_at timestamptz(3),
  constraint notification_messages_key unique (idempotency_key),
  constraint notification_messages_user_id_users_id_fk
    foreign key (user_id) references users on delete cascade,
  constraint notification_messages_status check (status in ('pending', 'delivered', 'failed')),
  constraint notification_messages_delivered check (
    (status = 'delivered') = (delivered_at is not null)
  )
);
create index notification_messages_pending
  on notification_messages (next_attempt_at) where status = 'pending';
create index notification_messages_created on notification_messages (created_at);

create table inbox_notifications (
  id uuid primary key,
  user_id uuid not null,
  template_id uuid not null,
  targets uuid[] not null,
  title text not null,
  content text not null,
  icon text not null default '',
  actions jsonb not null default '[]',
  read_at timestamptz(3),
  created_at timestamptz(3) not null,
  constraint inbox_notifications_user_id_users_id_fk
    foreign key (user_id) references users on delete cascade
);
create index inbox_notifications_created on inbox_notifications (created_at);
create index inbox_notifications_user
  on inbox_notifications (user_id, created_at desc nulls last, id);
create index inbox_notifications_unread on inbox_notifications (user_id) where read_at is null;

-- Targets that notifications are also sent to. A target that fails is not tried for a while, and
-- says why.
create table notification_webhooks (
  id uuid primary key,
  url text not null,
  -- Encrypted and not hashed, because every message is signed with it.
  encrypted_secret text not null,
  created_by uuid not null,
  created_at timestamptz(3) not null,
  failures integer not null default 0,
  next_attempt_at timestamptz(3),
  last_error text,
  last_success_at timestamptz(3),
  constraint notification_webhooks_created_by_users_id_fk
    foreign key (created_by) references users
);

-- One message to one target. The target always sees the message's id as the key, however often
-- the message is sent.
create table notification_deliveries (
  message_id uuid not null,
  webhook_id uuid not null,
  status text not null default 'pending',
  attempts integer not null default 0,
  next_attempt_at timestamptz(3) not null,
  last_error text,
  created_at timestamptz(3) not null,
  delivered_at timestamptz(3),
  constraint notification_deliveries_message_id_webhook_id_pk primary key (message_id, webhook_id),
  constraint notification_deliveries_message_id_notification_messages_id_fk
    foreign key (message_id) references notification_messages on delete cascade,
  constraint notification_deliveries_webhook_id_notification_webhooks_id_fk
    foreign key (webhook_id) references notification_webhooks on delete cascade,
  constraint notification_deliveries_status check (status in ('pending', 'delivered', 'failed'))
);
create index notification_deliveries_pending
  on notification_deliveries (next_attempt_at) where status = 'pending';
create index notification_deliveries_webhook on notification_deliveries (webhook_id);

-- Insights --------------------------------------------------------------------------------------

-- One sample of the metrics page. Counters only grow, gauges are replaced.
create table metrics (
  name text not null,
  labels jsonb not null,
  value double precision not null,
  updated_at timestamptz(3) not null,
  constraint metrics_name_labels_pk primary key (name, labels)
);

-- How far each roll-up has come. The run that moves a mark locks its row, so that nothing is
-- counted twice.
create table rollup_marks (
  name text primary key,
  through_at timestamptz(3) not null,
  -- What the last run computed, if that is one document.
  document jsonb
);

-- A user's status over time, written by a trigger. The last status of a deleted user is
-- 'deleted'.
create table user_status_changes (
  id bigint generated always as identity primary key,
  user_id uuid not null,
  new_status text not null,
  changed_at timestamptz(3) not null,
  constraint user_status_changes_user_id_users_id_fk
    foreign key (user_id) references users on delete cascade
);
create index user_status_changes_changed on user_status_changes (changed_at);
create index user_status_changes_user on user_status_changes (user_id, changed_at);
