-- Every table, index and constraint of the domain. The order is drizzle-kit's; read by hand.
-- Names are searched by substring, which a trigram index serves.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
--> statement-breakpoint
CREATE TABLE "template_usage_stats" (
	"start_time" timestamp (3) with time zone NOT NULL,
	"template_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"usage_seconds" integer DEFAULT 0 NOT NULL,
	"vscode_seconds" integer DEFAULT 0 NOT NULL,
	"jetbrains_seconds" integer DEFAULT 0 NOT NULL,
	"reconnecting_pty_seconds" integer DEFAULT 0 NOT NULL,
	"ssh_seconds" integer DEFAULT 0 NOT NULL,
	"app_seconds" jsonb,
	"median_latency_ms" integer,
	CONSTRAINT "template_usage_stats_start_time_template_id_user_id_pk" PRIMARY KEY("start_time","template_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "workspace_agent_log_sources" (
	"agent_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"display_name" text DEFAULT '' NOT NULL,
	"icon" text DEFAULT '' NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "workspace_agent_log_sources_agent_id_id_pk" PRIMARY KEY("agent_id","id")
);
--> statement-breakpoint
CREATE TABLE "workspace_agent_logs" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "workspace_agent_logs_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"agent_id" uuid NOT NULL,
	"log_source_id" uuid NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"level" text NOT NULL,
	"output" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "workspace_agent_metadata" (
	"agent_id" uuid NOT NULL,
	"key" text NOT NULL,
	"display_name" text DEFAULT '' NOT NULL,
	"script" text DEFAULT '' NOT NULL,
	"display_order" integer DEFAULT 0 NOT NULL,
	"interval_seconds" integer DEFAULT 0 NOT NULL,
	"timeout_seconds" integer DEFAULT 0 NOT NULL,
	"value" text DEFAULT '' NOT NULL,
	"error" text DEFAULT '' NOT NULL,
	"collected_at" timestamp (3) with time zone,
	CONSTRAINT "workspace_agent_metadata_agent_id_key_pk" PRIMARY KEY("agent_id","key")
);
--> statement-breakpoint
CREATE TABLE "workspace_agent_script_timings" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "workspace_agent_script_timings_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"script_id" uuid NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone NOT NULL,
	"exit_code" integer NOT NULL,
	"stage" text NOT NULL,
	"status" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "workspace_agent_scripts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"agent_id" uuid NOT NULL,
	"log_source_id" uuid NOT NULL,
	"log_path" text DEFAULT '' NOT NULL,
	"script" text NOT NULL,
	"cron" text DEFAULT '' NOT NULL,
	"run_on_start" boolean DEFAULT false NOT NULL,
	"run_on_stop" boolean DEFAULT false NOT NULL,
	"start_blocks_login" boolean DEFAULT false NOT NULL,
	"timeout_seconds" integer DEFAULT 0 NOT NULL,
	"display_name" text DEFAULT '' NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "workspace_agent_stats" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "workspace_agent_stats_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"created_at" timestamp (3) with time zone NOT NULL,
	"user_id" uuid NOT NULL,
	"workspace_id" uuid NOT NULL,
	"template_id" uuid NOT NULL,
	"agent_id" uuid NOT NULL,
	"connections_by_proto" jsonb DEFAULT '{}' NOT NULL,
	"connection_count" integer DEFAULT 0 NOT NULL,
	"connection_median_latency_ms" integer DEFAULT -1 NOT NULL,
	"rx_packets" bigint DEFAULT 0 NOT NULL,
	"rx_bytes" bigint DEFAULT 0 NOT NULL,
	"tx_packets" bigint DEFAULT 0 NOT NULL,
	"tx_bytes" bigint DEFAULT 0 NOT NULL,
	"session_count_vscode" integer DEFAULT 0 NOT NULL,
	"session_count_jetbrains" integer DEFAULT 0 NOT NULL,
	"session_count_reconnecting_pty" integer DEFAULT 0 NOT NULL,
	"session_count_ssh" integer DEFAULT 0 NOT NULL,
	"usage" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE TABLE "workspace_agents" (
	"id" uuid PRIMARY KEY NOT NULL,
	"parent_id" uuid,
	"resource_id" uuid NOT NULL,
	"workspace_id" uuid,
	"build_id" uuid,
	"name" text NOT NULL,
	"display_order" integer DEFAULT 0 NOT NULL,
	"deleted" boolean DEFAULT false NOT NULL,
	"hashed_token" "bytea",
	"encrypted_token" text,
	"auth_instance_id" text,
	"api_key_scope" text DEFAULT 'all' NOT NULL,
	"architecture" text DEFAULT '' NOT NULL,
	"operating_system" text DEFAULT '' NOT NULL,
	"directory" text DEFAULT '' NOT NULL,
	"expanded_directory" text DEFAULT '' NOT NULL,
	"environment_variables" jsonb,
	"display_apps" text[] DEFAULT '{}' NOT NULL,
	"motd_file" text DEFAULT '' NOT NULL,
	"troubleshooting_url" text DEFAULT '' NOT NULL,
	"connection_timeout_seconds" integer DEFAULT 120 NOT NULL,
	"version" text DEFAULT '' NOT NULL,
	"api_version" text DEFAULT '' NOT NULL,
	"subsystems" text[] DEFAULT '{}' NOT NULL,
	"lifecycle_state" text DEFAULT 'created' NOT NULL,
	"started_at" timestamp (3) with time zone,
	"ready_at" timestamp (3) with time zone,
	"first_connected_at" timestamp (3) with time zone,
	"last_connected_at" timestamp (3) with time zone,
	"disconnected_at" timestamp (3) with time zone,
	"socket_open" boolean DEFAULT false NOT NULL,
	"logs_length" integer DEFAULT 0 NOT NULL,
	"logs_overflowed" boolean DEFAULT false NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "workspace_agents_name" CHECK ("workspace_agents"."name" ~* '^[a-z0-9](-?[a-z0-9])*$'),
	CONSTRAINT "workspace_agents_logs_length" CHECK ("workspace_agents"."logs_length" between 0 and 1048576),
	CONSTRAINT "workspace_agents_lifecycle" CHECK ("workspace_agents"."lifecycle_state" in ('created', 'starting', 'start_timeout', 'start_error', 'ready', 'shutting_down', 'shutdown_timeout', 'shutdown_error', 'off'))
);
--> statement-breakpoint
CREATE TABLE "workspace_app_stats" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "workspace_app_stats_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"user_id" uuid NOT NULL,
	"workspace_id" uuid NOT NULL,
	"agent_id" uuid NOT NULL,
	"session_id" uuid NOT NULL,
	"access_method" text NOT NULL,
	"slug_or_port" text NOT NULL,
	"session_started_at" timestamp (3) with time zone NOT NULL,
	"session_ended_at" timestamp (3) with time zone NOT NULL,
	"requests" integer NOT NULL,
	CONSTRAINT "workspace_app_stats_session" UNIQUE("user_id","agent_id","session_id"),
	CONSTRAINT "workspace_app_stats_order" CHECK ("workspace_app_stats"."session_ended_at" >= "workspace_app_stats"."session_started_at")
);
--> statement-breakpoint
CREATE TABLE "workspace_app_statuses" (
	"id" uuid PRIMARY KEY NOT NULL,
	"workspace_id" uuid NOT NULL,
	"agent_id" uuid NOT NULL,
	"app_id" uuid NOT NULL,
	"state" text NOT NULL,
	"message" text DEFAULT '' NOT NULL,
	"uri" text DEFAULT '' NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "workspace_apps" (
	"id" uuid PRIMARY KEY NOT NULL,
	"agent_id" uuid NOT NULL,
	"slug" text NOT NULL,
	"display_name" text DEFAULT '' NOT NULL,
	"icon" text DEFAULT '' NOT NULL,
	"command" text DEFAULT '' NOT NULL,
	"url" text DEFAULT '' NOT NULL,
	"external" boolean DEFAULT false NOT NULL,
	"subdomain" boolean DEFAULT false NOT NULL,
	"sharing_level" text DEFAULT 'owner' NOT NULL,
	"healthcheck_url" text DEFAULT '' NOT NULL,
	"healthcheck_interval_seconds" integer DEFAULT 0 NOT NULL,
	"healthcheck_threshold" integer DEFAULT 0 NOT NULL,
	"health" text DEFAULT 'disabled' NOT NULL,
	"display_order" integer DEFAULT 0 NOT NULL,
	"display_group" text DEFAULT '' NOT NULL,
	"hidden" boolean DEFAULT false NOT NULL,
	"open_in" text DEFAULT 'slim-window' NOT NULL,
	"tooltip" text DEFAULT '' NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "workspace_apps_slug" UNIQUE("agent_id","slug"),
	CONSTRAINT "workspace_apps_health" CHECK ("workspace_apps"."health" in ('disabled', 'initializing', 'healthy', 'unhealthy'))
);
--> statement-breakpoint
CREATE TABLE "workspace_resource_metadata" (
	"resource_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"key" text NOT NULL,
	"value" text DEFAULT '' NOT NULL,
	"sensitive" boolean DEFAULT false NOT NULL,
	CONSTRAINT "workspace_resource_metadata_resource_id_position_pk" PRIMARY KEY("resource_id","position")
);
--> statement-breakpoint
CREATE TABLE "workspace_resources" (
	"id" uuid PRIMARY KEY NOT NULL,
	"job_id" uuid NOT NULL,
	"transition" text NOT NULL,
	"type" text NOT NULL,
	"name" text NOT NULL,
	"hide" boolean DEFAULT false NOT NULL,
	"icon" text DEFAULT '' NOT NULL,
	"daily_cost" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "files" (
	"id" uuid PRIMARY KEY NOT NULL,
	"hash" text NOT NULL,
	"mimetype" text NOT NULL,
	"size_bytes" bigint NOT NULL,
	"created_by" uuid NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "files_hash_creator" UNIQUE("hash","created_by")
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"hashed_secret" "bytea" NOT NULL,
	"login_type" text NOT NULL,
	"token_name" text DEFAULT '' NOT NULL,
	"scopes" text[] DEFAULT '{coder:all}' NOT NULL,
	"allow_list" text[] DEFAULT '{*:*}' NOT NULL,
	"lifetime_seconds" bigint NOT NULL,
	"workspace_id" uuid,
	"ip" text DEFAULT '' NOT NULL,
	"last_used_at" timestamp (3) with time zone,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "api_keys_id_shape" CHECK (length("api_keys"."id") = 10),
	CONSTRAINT "api_keys_hash_length" CHECK (length("api_keys"."hashed_secret") = 32)
);
--> statement-breakpoint
CREATE TABLE "audit_logs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"time" timestamp (3) with time zone NOT NULL,
	"request_id" text NOT NULL,
	"user_id" uuid,
	"organization_id" uuid,
	"ip" text DEFAULT '' NOT NULL,
	"user_agent" text DEFAULT '' NOT NULL,
	"resource_type" text NOT NULL,
	"resource_id" uuid NOT NULL,
	"resource_target" text NOT NULL,
	"resource_icon" text DEFAULT '' NOT NULL,
	"action" text NOT NULL,
	"diff" jsonb DEFAULT '{}' NOT NULL,
	"status_code" integer NOT NULL,
	"additional_fields" jsonb DEFAULT '{}' NOT NULL
);
--> statement-breakpoint
CREATE TABLE "group_members" (
	"group_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	CONSTRAINT "group_members_group_id_user_id_pk" PRIMARY KEY("group_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "groups" (
	"id" uuid PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	"name" text NOT NULL,
	"display_name" text DEFAULT '' NOT NULL,
	"quota_allowance" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "organization_members" (
	"user_id" uuid NOT NULL,
	"organization_id" uuid NOT NULL,
	"roles" text[] DEFAULT '{}' NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "organization_members_organization_id_user_id_pk" PRIMARY KEY("organization_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "organizations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"display_name" text DEFAULT '' NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"icon" text DEFAULT '' NOT NULL,
	"is_default" boolean DEFAULT false NOT NULL,
	"default_org_member_roles" text[] DEFAULT '{}' NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"deleted" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE TABLE "site_configs" (
	"key" text PRIMARY KEY NOT NULL,
	"value" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	"username" text NOT NULL,
	"name" text DEFAULT '' NOT NULL,
	"avatar_url" text DEFAULT '' NOT NULL,
	"hashed_password" text DEFAULT '' NOT NULL,
	"status" text DEFAULT 'dormant' NOT NULL,
	"login_type" text DEFAULT 'password' NOT NULL,
	"site_roles" text[] DEFAULT '{}' NOT NULL,
	"quiet_hours_schedule" text DEFAULT '' NOT NULL,
	"is_system" boolean DEFAULT false NOT NULL,
	"is_service_account" boolean DEFAULT false NOT NULL,
	"deleted" boolean DEFAULT false NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"last_seen_at" timestamp (3) with time zone,
	CONSTRAINT "users_status" CHECK ("users"."status" in ('active', 'dormant', 'suspended')),
	CONSTRAINT "users_login_type" CHECK ("users"."login_type" in ('password', 'github', 'oidc', 'token', 'none')),
	CONSTRAINT "users_owner_not_suspended" CHECK (not ("users"."status" = 'suspended' and 'owner' = any("users"."site_roles")))
);
--> statement-breakpoint
CREATE TABLE "inbox_notifications" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"template_id" uuid NOT NULL,
	"targets" uuid[] NOT NULL,
	"title" text NOT NULL,
	"content" text NOT NULL,
	"icon" text DEFAULT '' NOT NULL,
	"actions" jsonb DEFAULT '[]' NOT NULL,
	"read_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "lifecycle_ticks" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "lifecycle_ticks_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"tick_at" timestamp (3) with time zone NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"source" text DEFAULT 'cron' NOT NULL,
	"lag_ms" bigint DEFAULT 0 NOT NULL,
	"counts" jsonb DEFAULT '{}' NOT NULL,
	"more" boolean DEFAULT false NOT NULL,
	"error" text
);
--> statement-breakpoint
CREATE TABLE "notification_messages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"idempotency_key" text NOT NULL,
	"template_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"labels" jsonb NOT NULL,
	"targets" uuid[] NOT NULL,
	"created_by" text NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp (3) with time zone NOT NULL,
	"last_error" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"delivered_at" timestamp (3) with time zone,
	CONSTRAINT "notification_messages_key" UNIQUE("idempotency_key"),
	CONSTRAINT "notification_messages_status" CHECK ("notification_messages"."status" in ('pending', 'delivered', 'failed')),
	CONSTRAINT "notification_messages_delivered" CHECK (("notification_messages"."status" = 'delivered') = ("notification_messages"."delivered_at" is not null))
);
--> statement-breakpoint
CREATE TABLE "provisioner_daemons" (
	"id" uuid PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	"key_id" uuid NOT NULL,
	"name" text NOT NULL,
	"version" text DEFAULT '' NOT NULL,
	"api_version" text DEFAULT '1.0' NOT NULL,
	"provisioners" text[] NOT NULL,
	"tags" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"last_seen_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "provisioner_job_logs" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "provisioner_job_logs_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"job_id" uuid NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"source" text NOT NULL,
	"level" text NOT NULL,
	"stage" text NOT NULL,
	"output" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "provisioner_job_timings" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "provisioner_job_timings_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"job_id" uuid NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone NOT NULL,
	"stage" text NOT NULL,
	"source" text DEFAULT '' NOT NULL,
	"action" text DEFAULT '' NOT NULL,
	"resource" text DEFAULT '' NOT NULL
);
--> statement-breakpoint
CREATE TABLE "provisioner_jobs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	"initiator_id" uuid NOT NULL,
	"type" text NOT NULL,
	"provisioner" text DEFAULT 'terraform' NOT NULL,
	"file_id" uuid NOT NULL,
	"input" jsonb NOT NULL,
	"tags" jsonb NOT NULL,
	"worker_id" uuid,
	"error" text,
	"error_code" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"started_at" timestamp (3) with time zone,
	"canceled_at" timestamp (3) with time zone,
	"completed_at" timestamp (3) with time zone,
	"logs_length" integer DEFAULT 0 NOT NULL,
	"logs_overflowed" boolean DEFAULT false NOT NULL,
	"job_status" text GENERATED ALWAYS AS (case
          when completed_at is not null then case
            when error <> '' then 'failed'
            when canceled_at is not null then 'canceled'
            else 'succeeded' end
          when error <> '' then 'failed'
          when canceled_at is not null then 'canceling'
          when started_at is null then 'pending'
          else 'running' end) STORED NOT NULL,
	CONSTRAINT "provisioner_jobs_type" CHECK ("provisioner_jobs"."type" in ('template_version_import', 'workspace_build', 'template_version_dry_run')),
	CONSTRAINT "provisioner_jobs_logs_length" CHECK ("provisioner_jobs"."logs_length" between 0 and 1048576),
	CONSTRAINT "provisioner_jobs_started_by" CHECK ("provisioner_jobs"."worker_id" is null or "provisioner_jobs"."started_at" is not null)
);
--> statement-breakpoint
CREATE TABLE "provisioner_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	"name" text NOT NULL,
	"hashed_secret" "bytea" NOT NULL,
	"tags" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "template_version_parameters" (
	"template_version_id" uuid NOT NULL,
	"name" text NOT NULL,
	"display_order" integer DEFAULT 0 NOT NULL,
	"display_name" text DEFAULT '' NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"type" text DEFAULT 'string' NOT NULL,
	"form_type" text DEFAULT '' NOT NULL,
	"mutable" boolean DEFAULT false NOT NULL,
	"default_value" text DEFAULT '' NOT NULL,
	"icon" text DEFAULT '' NOT NULL,
	"options" jsonb DEFAULT '[]' NOT NULL,
	"validation_regex" text DEFAULT '' NOT NULL,
	"validation_error" text DEFAULT '' NOT NULL,
	"validation_min" integer,
	"validation_max" integer,
	"validation_monotonic" text DEFAULT '' NOT NULL,
	"required" boolean DEFAULT true NOT NULL,
	"ephemeral" boolean DEFAULT false NOT NULL,
	CONSTRAINT "template_version_parameters_template_version_id_name_pk" PRIMARY KEY("template_version_id","name"),
	CONSTRAINT "template_version_parameters_type" CHECK ("template_version_parameters"."type" in ('string', 'number', 'bool', 'list(string)'))
);
--> statement-breakpoint
CREATE TABLE "template_version_preset_parameters" (
	"preset_id" uuid NOT NULL,
	"name" text NOT NULL,
	"value" text NOT NULL,
	CONSTRAINT "template_version_preset_parameters_preset_id_name_pk" PRIMARY KEY("preset_id","name")
);
--> statement-breakpoint
CREATE TABLE "template_version_preset_prebuild_schedules" (
	"preset_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"cron_expression" text NOT NULL,
	"desired_instances" integer NOT NULL,
	CONSTRAINT "preset_schedules_pkey" PRIMARY KEY("preset_id","position")
);
--> statement-breakpoint
CREATE TABLE "template_version_presets" (
	"id" uuid PRIMARY KEY NOT NULL,
	"template_version_id" uuid NOT NULL,
	"name" text NOT NULL,
	"display_order" integer DEFAULT 0 NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"icon" text DEFAULT '' NOT NULL,
	"is_default" boolean DEFAULT false NOT NULL,
	"desired_instances" integer,
	"invalidate_after_secs" integer,
	"scheduling_timezone" text DEFAULT '' NOT NULL,
	"prebuild_status" text DEFAULT 'healthy' NOT NULL,
	"last_invalidated_at" timestamp (3) with time zone,
	"pool_version" bigint DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "template_version_presets_name" UNIQUE("template_version_id","name"),
	CONSTRAINT "template_version_presets_status" CHECK ("template_version_presets"."prebuild_status" in ('healthy', 'hard_limited', 'validation_failed'))
);
--> statement-breakpoint
CREATE TABLE "template_version_variables" (
	"template_version_id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"type" text DEFAULT 'string' NOT NULL,
	"value" text DEFAULT '' NOT NULL,
	"default_value" text DEFAULT '' NOT NULL,
	"required" boolean DEFAULT false NOT NULL,
	"sensitive" boolean DEFAULT false NOT NULL,
	CONSTRAINT "template_version_variables_template_version_id_name_pk" PRIMARY KEY("template_version_id","name")
);
--> statement-breakpoint
CREATE TABLE "template_versions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"template_id" uuid,
	"organization_id" uuid NOT NULL,
	"job_id" uuid NOT NULL,
	"file_id" uuid NOT NULL,
	"name" text NOT NULL,
	"message" text DEFAULT '' NOT NULL,
	"readme" text DEFAULT '' NOT NULL,
	"archived" boolean DEFAULT false NOT NULL,
	"has_external_agent" boolean,
	"created_by" uuid NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "template_versions_job" UNIQUE("job_id")
);
--> statement-breakpoint
CREATE TABLE "templates" (
	"id" uuid PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	"name" text NOT NULL,
	"display_name" text DEFAULT '' NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"icon" text DEFAULT '' NOT NULL,
	"provisioner" text DEFAULT 'terraform' NOT NULL,
	"active_version_id" uuid NOT NULL,
	"created_by" uuid NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"deleted" boolean DEFAULT false NOT NULL,
	"deprecation_message" text DEFAULT '' NOT NULL,
	"default_ttl_ms" bigint DEFAULT 0 NOT NULL,
	"activity_bump_ms" bigint DEFAULT 3600000 NOT NULL,
	"time_til_autostop_notify_ms" bigint DEFAULT 0 NOT NULL,
	"autostop_requirement_days" integer DEFAULT 0 NOT NULL,
	"autostop_requirement_weeks" integer DEFAULT 1 NOT NULL,
	"autostart_days" integer DEFAULT 127 NOT NULL,
	"allow_user_autostart" boolean DEFAULT true NOT NULL,
	"allow_user_autostop" boolean DEFAULT true NOT NULL,
	"allow_user_cancel_workspace_jobs" boolean DEFAULT false NOT NULL,
	"failure_ttl_ms" bigint DEFAULT 0 NOT NULL,
	"time_til_dormant_ms" bigint DEFAULT 0 NOT NULL,
	"time_til_dormant_autodelete_ms" bigint DEFAULT 0 NOT NULL,
	"require_active_version" boolean DEFAULT false NOT NULL,
	"disable_everyone_group_access" boolean DEFAULT false NOT NULL,
	"max_port_share_level" text DEFAULT 'public' NOT NULL,
	"cors_behavior" text DEFAULT 'simple' NOT NULL,
	"use_classic_parameter_flow" boolean DEFAULT true NOT NULL,
	"disable_module_cache" boolean DEFAULT false NOT NULL,
	"active_user_count" integer DEFAULT 0 NOT NULL,
	"build_time_stats" jsonb,
	CONSTRAINT "templates_autostop_days" CHECK ("templates"."autostop_requirement_days" between 0 and 127),
	CONSTRAINT "templates_autostop_weeks" CHECK ("templates"."autostop_requirement_weeks" between 1 and 16),
	CONSTRAINT "templates_autostart_days" CHECK ("templates"."autostart_days" between 0 and 127),
	CONSTRAINT "templates_durations" CHECK (least("templates"."default_ttl_ms", "templates"."activity_bump_ms", "templates"."time_til_autostop_notify_ms", "templates"."failure_ttl_ms", "templates"."time_til_dormant_ms", "templates"."time_til_dormant_autodelete_ms") >= 0)
);
--> statement-breakpoint
CREATE TABLE "workspace_build_parameters" (
	"workspace_build_id" uuid NOT NULL,
	"name" text NOT NULL,
	"value" text NOT NULL,
	CONSTRAINT "workspace_build_parameters_workspace_build_id_name_pk" PRIMARY KEY("workspace_build_id","name")
);
--> statement-breakpoint
CREATE TABLE "workspace_builds" (
	"id" uuid PRIMARY KEY NOT NULL,
	"workspace_id" uuid NOT NULL,
	"template_version_id" uuid NOT NULL,
	"build_number" integer NOT NULL,
	"transition" text NOT NULL,
	"initiator_id" uuid NOT NULL,
	"job_id" uuid NOT NULL,
	"reason" text DEFAULT 'initiator' NOT NULL,
	"provisioner_state" "bytea",
	"deadline" timestamp (3) with time zone,
	"max_deadline" timestamp (3) with time zone,
	"notified_autostop_deadline" timestamp (3) with time zone,
	"daily_cost" integer DEFAULT 0 NOT NULL,
	"template_version_preset_id" uuid,
	"has_external_agent" boolean,
	"on_success" jsonb,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "workspace_builds_job" UNIQUE("job_id"),
	CONSTRAINT "workspace_builds_number" UNIQUE("workspace_id","build_number"),
	CONSTRAINT "workspace_builds_transition" CHECK ("workspace_builds"."transition" in ('start', 'stop', 'delete')),
	CONSTRAINT "workspace_builds_number_from_one" CHECK ("workspace_builds"."build_number" >= 1),
	CONSTRAINT "workspace_builds_reason" CHECK ("workspace_builds"."reason" in ('initiator', 'autostart', 'autostop', 'dormancy', 'failedstop', 'autodelete', 'dashboard', 'cli', 'ssh_connection', 'vscode_connection', 'jetbrains_connection', 'task_auto_pause', 'task_manual_pause', 'task_resume')),
	CONSTRAINT "workspace_builds_deadline_below_max_deadline" CHECK ("workspace_builds"."max_deadline" is null or ("workspace_builds"."deadline" is not null and "workspace_builds"."deadline" <= "workspace_builds"."max_deadline"))
);
--> statement-breakpoint
CREATE TABLE "workspaces" (
	"id" uuid PRIMARY KEY NOT NULL,
	"owner_id" uuid NOT NULL,
	"organization_id" uuid NOT NULL,
	"template_id" uuid NOT NULL,
	"name" text NOT NULL,
	"autostart_schedule" text,
	"ttl_ms" bigint,
	"next_start_at" timestamp (3) with time zone,
	"last_used_at" timestamp (3) with time zone,
	"dormant_at" timestamp (3) with time zone,
	"deleting_at" timestamp (3) with time zone,
	"automatic_updates" text DEFAULT 'never' NOT NULL,
	"favorite" boolean DEFAULT false NOT NULL,
	"user_acl" jsonb DEFAULT '{}' NOT NULL,
	"group_acl" jsonb DEFAULT '{}' NOT NULL,
	"deleted" boolean DEFAULT false NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"check_at" timestamp (3) with time zone,
	"owner_name" text DEFAULT '' NOT NULL,
	"latest_build_id" uuid,
	"latest_build_number" integer DEFAULT 0 NOT NULL,
	"latest_transition" text,
	"latest_job_status" text,
	CONSTRAINT "workspaces_automatic_updates" CHECK ("workspaces"."automatic_updates" in ('always', 'never')),
	CONSTRAINT "workspaces_ttl" CHECK ("workspaces"."ttl_ms" is null or "workspaces"."ttl_ms" > 0),
	CONSTRAINT "workspaces_deleting_is_dormant" CHECK ("workspaces"."deleting_at" is null or "workspaces"."dormant_at" is not null),
	CONSTRAINT "workspaces_dormant_never_starts" CHECK ("workspaces"."dormant_at" is null or "workspaces"."next_start_at" is null),
	CONSTRAINT "workspaces_prebuild_has_no_lifecycle" CHECK ("workspaces"."owner_id" <> 'c42fdf75-3097-471c-8c33-fb52454d81c0' or (
        "workspaces"."autostart_schedule" is null and "workspaces"."next_start_at" is null and "workspaces"."ttl_ms" is null
        and "workspaces"."dormant_at" is null and "workspaces"."deleting_at" is null and "workspaces"."check_at" is null)),
	CONSTRAINT "workspaces_deleted_never_checked" CHECK (not "workspaces"."deleted" or "workspaces"."check_at" is null)
);
--> statement-breakpoint
ALTER TABLE "template_usage_stats" ADD CONSTRAINT "template_usage_stats_template_id_templates_id_fk" FOREIGN KEY ("template_id") REFERENCES "public"."templates"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_usage_stats" ADD CONSTRAINT "template_usage_stats_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_agent_log_sources" ADD CONSTRAINT "workspace_agent_log_sources_agent_id_workspace_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."workspace_agents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_agent_logs" ADD CONSTRAINT "workspace_agent_logs_agent_id_workspace_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."workspace_agents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_agent_metadata" ADD CONSTRAINT "workspace_agent_metadata_agent_id_workspace_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."workspace_agents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_agent_script_timings" ADD CONSTRAINT "workspace_agent_script_timings_script_id_workspace_agent_scripts_id_fk" FOREIGN KEY ("script_id") REFERENCES "public"."workspace_agent_scripts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_agent_scripts" ADD CONSTRAINT "workspace_agent_scripts_agent_id_workspace_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."workspace_agents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_agents" ADD CONSTRAINT "workspace_agents_parent_id_workspace_agents_id_fk" FOREIGN KEY ("parent_id") REFERENCES "public"."workspace_agents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_agents" ADD CONSTRAINT "workspace_agents_resource_id_workspace_resources_id_fk" FOREIGN KEY ("resource_id") REFERENCES "public"."workspace_resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_agents" ADD CONSTRAINT "workspace_agents_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_app_statuses" ADD CONSTRAINT "workspace_app_statuses_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_app_statuses" ADD CONSTRAINT "workspace_app_statuses_agent_id_workspace_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."workspace_agents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_app_statuses" ADD CONSTRAINT "workspace_app_statuses_app_id_workspace_apps_id_fk" FOREIGN KEY ("app_id") REFERENCES "public"."workspace_apps"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_apps" ADD CONSTRAINT "workspace_apps_agent_id_workspace_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."workspace_agents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_resource_metadata" ADD CONSTRAINT "workspace_resource_metadata_resource_id_workspace_resources_id_fk" FOREIGN KEY ("resource_id") REFERENCES "public"."workspace_resources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_resources" ADD CONSTRAINT "workspace_resources_job_id_provisioner_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."provisioner_jobs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "files" ADD CONSTRAINT "files_created_by_users_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "group_members" ADD CONSTRAINT "group_members_group_id_groups_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."groups"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "group_members" ADD CONSTRAINT "group_members_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "groups" ADD CONSTRAINT "groups_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "organization_members" ADD CONSTRAINT "organization_members_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "organization_members" ADD CONSTRAINT "organization_members_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "inbox_notifications" ADD CONSTRAINT "inbox_notifications_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notification_messages" ADD CONSTRAINT "notification_messages_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provisioner_daemons" ADD CONSTRAINT "provisioner_daemons_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provisioner_daemons" ADD CONSTRAINT "provisioner_daemons_key_id_provisioner_keys_id_fk" FOREIGN KEY ("key_id") REFERENCES "public"."provisioner_keys"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provisioner_job_logs" ADD CONSTRAINT "provisioner_job_logs_job_id_provisioner_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."provisioner_jobs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provisioner_job_timings" ADD CONSTRAINT "provisioner_job_timings_job_id_provisioner_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."provisioner_jobs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provisioner_jobs" ADD CONSTRAINT "provisioner_jobs_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provisioner_jobs" ADD CONSTRAINT "provisioner_jobs_initiator_id_users_id_fk" FOREIGN KEY ("initiator_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provisioner_jobs" ADD CONSTRAINT "provisioner_jobs_file_id_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "public"."files"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provisioner_keys" ADD CONSTRAINT "provisioner_keys_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_version_parameters" ADD CONSTRAINT "template_version_parameters_template_version_id_template_versions_id_fk" FOREIGN KEY ("template_version_id") REFERENCES "public"."template_versions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_version_preset_parameters" ADD CONSTRAINT "preset_parameters_preset" FOREIGN KEY ("preset_id") REFERENCES "public"."template_version_presets"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_version_preset_prebuild_schedules" ADD CONSTRAINT "preset_schedules_preset" FOREIGN KEY ("preset_id") REFERENCES "public"."template_version_presets"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_version_presets" ADD CONSTRAINT "template_version_presets_template_version_id_template_versions_id_fk" FOREIGN KEY ("template_version_id") REFERENCES "public"."template_versions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_version_variables" ADD CONSTRAINT "template_version_variables_template_version_id_template_versions_id_fk" FOREIGN KEY ("template_version_id") REFERENCES "public"."template_versions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_versions" ADD CONSTRAINT "template_versions_template_id_templates_id_fk" FOREIGN KEY ("template_id") REFERENCES "public"."templates"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_versions" ADD CONSTRAINT "template_versions_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_versions" ADD CONSTRAINT "template_versions_job_id_provisioner_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."provisioner_jobs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_versions" ADD CONSTRAINT "template_versions_file_id_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "public"."files"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "template_versions" ADD CONSTRAINT "template_versions_created_by_users_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "templates" ADD CONSTRAINT "templates_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "templates" ADD CONSTRAINT "templates_active_version_id_template_versions_id_fk" FOREIGN KEY ("active_version_id") REFERENCES "public"."template_versions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "templates" ADD CONSTRAINT "templates_created_by_users_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_build_parameters" ADD CONSTRAINT "workspace_build_parameters_workspace_build_id_workspace_builds_id_fk" FOREIGN KEY ("workspace_build_id") REFERENCES "public"."workspace_builds"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_builds" ADD CONSTRAINT "workspace_builds_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_builds" ADD CONSTRAINT "workspace_builds_template_version_id_template_versions_id_fk" FOREIGN KEY ("template_version_id") REFERENCES "public"."template_versions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_builds" ADD CONSTRAINT "workspace_builds_initiator_id_users_id_fk" FOREIGN KEY ("initiator_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_builds" ADD CONSTRAINT "workspace_builds_job_id_provisioner_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."provisioner_jobs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_builds" ADD CONSTRAINT "workspace_builds_template_version_preset_id_template_version_presets_id_fk" FOREIGN KEY ("template_version_preset_id") REFERENCES "public"."template_version_presets"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_owner_id_users_id_fk" FOREIGN KEY ("owner_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_template_id_templates_id_fk" FOREIGN KEY ("template_id") REFERENCES "public"."templates"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "workspace_agent_logs_agent" ON "workspace_agent_logs" USING btree ("agent_id","id");--> statement-breakpoint
CREATE INDEX "workspace_agent_script_timings_script" ON "workspace_agent_script_timings" USING btree ("script_id");--> statement-breakpoint
CREATE INDEX "workspace_agent_scripts_agent" ON "workspace_agent_scripts" USING btree ("agent_id");--> statement-breakpoint
CREATE INDEX "workspace_agent_stats_created" ON "workspace_agent_stats" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "workspace_agents_resource" ON "workspace_agents" USING btree ("resource_id");--> statement-breakpoint
CREATE INDEX "workspace_agents_parent" ON "workspace_agents" USING btree ("parent_id");--> statement-breakpoint
CREATE INDEX "workspace_agents_workspace" ON "workspace_agents" USING btree ("workspace_id") WHERE not "workspace_agents"."deleted";--> statement-breakpoint
CREATE INDEX "workspace_agents_build" ON "workspace_agents" USING btree ("build_id") WHERE not "workspace_agents"."deleted";--> statement-breakpoint
CREATE INDEX "workspace_agents_instance" ON "workspace_agents" USING btree ("auth_instance_id") WHERE "workspace_agents"."auth_instance_id" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "workspace_agents_build_name" ON "workspace_agents" USING btree ("build_id","name") WHERE not "workspace_agents"."deleted" and "workspace_agents"."build_id" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "workspace_agents_resource_name" ON "workspace_agents" USING btree ("resource_id",lower("name")) WHERE not "workspace_agents"."deleted";--> statement-breakpoint
CREATE UNIQUE INDEX "workspace_agents_token" ON "workspace_agents" USING btree ("hashed_token") WHERE not "workspace_agents"."deleted" and "workspace_agents"."hashed_token" is not null;--> statement-breakpoint
CREATE INDEX "workspace_app_stats_started" ON "workspace_app_stats" USING btree ("session_started_at");--> statement-breakpoint
CREATE INDEX "workspace_app_statuses_workspace" ON "workspace_app_statuses" USING btree ("workspace_id","created_at" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "workspace_app_statuses_app" ON "workspace_app_statuses" USING btree ("app_id","created_at" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "workspace_resources_job" ON "workspace_resources" USING btree ("job_id");--> statement-breakpoint
CREATE INDEX "api_keys_user" ON "api_keys" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "api_keys_expires" ON "api_keys" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "api_keys_workspace" ON "api_keys" USING btree ("workspace_id") WHERE "api_keys"."workspace_id" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "api_keys_token_name" ON "api_keys" USING btree ("user_id","token_name") WHERE "api_keys"."login_type" = 'token';--> statement-breakpoint
CREATE INDEX "audit_logs_time" ON "audit_logs" USING btree ("time" DESC NULLS LAST,"id");--> statement-breakpoint
CREATE INDEX "audit_logs_resource" ON "audit_logs" USING btree ("resource_id");--> statement-breakpoint
CREATE INDEX "audit_logs_user" ON "audit_logs" USING btree ("user_id","time" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "audit_logs_organization" ON "audit_logs" USING btree ("organization_id","time" DESC NULLS LAST);--> statement-breakpoint
CREATE UNIQUE INDEX "groups_name" ON "groups" USING btree ("organization_id",lower("name"));--> statement-breakpoint
CREATE INDEX "organization_members_user" ON "organization_members" USING btree ("user_id");--> statement-breakpoint
CREATE UNIQUE INDEX "organizations_name_live" ON "organizations" USING btree (lower("name")) WHERE not "organizations"."deleted";--> statement-breakpoint
CREATE UNIQUE INDEX "organizations_one_default" ON "organizations" USING btree ("is_default") WHERE "organizations"."is_default";--> statement-breakpoint
CREATE UNIQUE INDEX "users_username_live" ON "users" USING btree (lower("username")) WHERE not "users"."deleted";--> statement-breakpoint
CREATE UNIQUE INDEX "users_email_live" ON "users" USING btree (lower("email")) WHERE not "users"."deleted" and "users"."email" <> '';--> statement-breakpoint
CREATE INDEX "users_username_trgm" ON "users" USING gin (lower("username") gin_trgm_ops);--> statement-breakpoint
CREATE INDEX "users_email_trgm" ON "users" USING gin (lower("email") gin_trgm_ops);--> statement-breakpoint
CREATE INDEX "inbox_notifications_user" ON "inbox_notifications" USING btree ("user_id","created_at" DESC NULLS LAST,"id");--> statement-breakpoint
CREATE INDEX "inbox_notifications_unread" ON "inbox_notifications" USING btree ("user_id") WHERE "inbox_notifications"."read_at" is null;--> statement-breakpoint
CREATE INDEX "lifecycle_ticks_tick_at" ON "lifecycle_ticks" USING btree ("tick_at" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "notification_messages_pending" ON "notification_messages" USING btree ("next_attempt_at") WHERE "notification_messages"."status" = 'pending';--> statement-breakpoint
CREATE INDEX "notification_messages_created" ON "notification_messages" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "provisioner_daemons_identity" ON "provisioner_daemons" USING btree ("organization_id","name",lower(coalesce("tags" ->> 'owner', '')));--> statement-breakpoint
CREATE INDEX "provisioner_daemons_seen" ON "provisioner_daemons" USING btree ("last_seen_at");--> statement-breakpoint
CREATE INDEX "provisioner_job_logs_job" ON "provisioner_job_logs" USING btree ("job_id","id");--> statement-breakpoint
CREATE INDEX "provisioner_job_timings_job" ON "provisioner_job_timings" USING btree ("job_id");--> statement-breakpoint
CREATE INDEX "provisioner_jobs_pending" ON "provisioner_jobs" USING btree ("organization_id","created_at") WHERE "provisioner_jobs"."started_at" is null and "provisioner_jobs"."completed_at" is null;--> statement-breakpoint
CREATE INDEX "provisioner_jobs_unfinished" ON "provisioner_jobs" USING btree ("updated_at") WHERE "provisioner_jobs"."completed_at" is null;--> statement-breakpoint
CREATE INDEX "provisioner_jobs_worker" ON "provisioner_jobs" USING btree ("worker_id") WHERE "provisioner_jobs"."completed_at" is null;--> statement-breakpoint
CREATE INDEX "provisioner_jobs_organization" ON "provisioner_jobs" USING btree ("organization_id","created_at" DESC NULLS LAST);--> statement-breakpoint
CREATE UNIQUE INDEX "provisioner_keys_name" ON "provisioner_keys" USING btree ("organization_id",lower("name"));--> statement-breakpoint
CREATE UNIQUE INDEX "provisioner_keys_secret" ON "provisioner_keys" USING btree ("hashed_secret");--> statement-breakpoint
CREATE UNIQUE INDEX "template_version_presets_default" ON "template_version_presets" USING btree ("template_version_id") WHERE "template_version_presets"."is_default";--> statement-breakpoint
CREATE INDEX "template_version_presets_pool" ON "template_version_presets" USING btree ("template_version_id") WHERE "template_version_presets"."desired_instances" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "template_versions_name" ON "template_versions" USING btree ("template_id",lower("name")) WHERE "template_versions"."template_id" is not null;--> statement-breakpoint
CREATE INDEX "template_versions_template" ON "template_versions" USING btree ("template_id","created_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "templates_name_live" ON "templates" USING btree ("organization_id",lower("name")) WHERE not "templates"."deleted";--> statement-breakpoint
CREATE INDEX "workspace_builds_version" ON "workspace_builds" USING btree ("template_version_id","created_at" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "workspace_builds_preset" ON "workspace_builds" USING btree ("template_version_preset_id","created_at" DESC NULLS LAST) WHERE "workspace_builds"."template_version_preset_id" is not null;--> statement-breakpoint
CREATE INDEX "workspace_builds_initiator" ON "workspace_builds" USING btree ("initiator_id");--> statement-breakpoint
CREATE UNIQUE INDEX "workspaces_name_live" ON "workspaces" USING btree ("owner_id",lower("name")) WHERE not "workspaces"."deleted";--> statement-breakpoint
CREATE INDEX "workspaces_check_at" ON "workspaces" USING btree ("check_at","id") WHERE "workspaces"."check_at" is not null;--> statement-breakpoint
CREATE INDEX "workspaces_template" ON "workspaces" USING btree ("template_id") WHERE not "workspaces"."deleted";--> statement-breakpoint
CREATE INDEX "workspaces_organization" ON "workspaces" USING btree ("organization_id") WHERE not "workspaces"."deleted";--> statement-breakpoint
CREATE INDEX "workspaces_list_order" ON "workspaces" USING btree (("latest_transition" = 'start' and "latest_job_status" = 'succeeded') desc,lower("owner_name"),lower("name"),"id") WHERE not "workspaces"."deleted";--> statement-breakpoint
CREATE INDEX "workspaces_name_trgm" ON "workspaces" USING gin (lower("name") gin_trgm_ops) WHERE not "workspaces"."deleted";--> statement-breakpoint
CREATE INDEX "workspaces_latest_build" ON "workspaces" USING btree ("latest_build_id");