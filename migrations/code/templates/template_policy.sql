-- The columns of a template that decide over the lifecycle of its workspaces.
--
-- It names the columns that do not, so that a column that is added later belongs to the policy: its
-- change marks the template's workspaces dirty and must be audited.
create or replace function template_policy(t templates) returns jsonb
language sql stable parallel safe
as $$
  select to_jsonb(t) - array[
    'name', 'display_name', 'description', 'icon', 'deprecation_message', 'updated_at',
    'allow_user_cancel_workspace_jobs', 'disable_everyone_group_access', 'max_port_share_level',
    'cors_behavior', 'use_classic_parameter_flow', 'disable_module_cache',
    -- What ticks and roll-ups write.
    'schedule_changed_at', 'schedule_changed_starts', 'schedule_followed_to',
    'active_user_count', 'build_time_stats'
  ]
$$;
