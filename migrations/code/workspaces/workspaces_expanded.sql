-- Every column of a workspace, with the names that clients show beside it. Includes deleted ones.
--
-- PostgreSQL expands w.* when the view is created. The migrator creates it again after every
-- numbered file, so a new column of workspaces appears here.
create or replace view workspaces_expanded as
select w.*,
  u.name as owner_full_name, u.username as owner_username, u.avatar_url as owner_avatar_url,
  u.status as owner_status,
  o.name as organization_name, o.display_name as organization_display_name,
  o.icon as organization_icon, o.description as organization_description,
  t.name as template_name, t.display_name as template_display_name, t.icon as template_icon,
  t.description as template_description, t.active_version_id as template_active_version_id,
  t.allow_user_cancel_workspace_jobs as template_allow_user_cancel_workspace_jobs,
  t.require_active_version as template_require_active_version,
  t.use_classic_parameter_flow as template_use_classic_parameter_flow,
  t.allow_user_autostop as template_allow_user_autostop,
  t.allow_user_autostart as template_allow_user_autostart,
  t.default_ttl_ms as template_default_ttl_ms
from workspaces w
join users u on u.id = w.owner_id
join organizations o on o.id = w.organization_id
join templates t on t.id = w.template_id;
