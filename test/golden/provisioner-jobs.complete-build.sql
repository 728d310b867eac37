with
  target as (
    select
      j.id as job_id,
      b.id as build_id,
      w.id as workspace_id,
      b.transition,
      b.on_success is not null as follows
    from
      provisioner_jobs j
      join workspace_builds b on b.job_id = j.id
      join workspaces w on w.id = b.workspace_id
      join templates t on t.id = w.template_id
      join users o on o.id = w.owner_id
    where
      j.id = $1::uuid
      and j.worker_id = $2::uuid
      and j.completed_at is null
      and exists (
        select
          1
        from
          provisioner_daemons d
        where
          d.id = j.worker_id
          and d.key_id = (
            select
              (actor () ->> 'key_id')::uuid
          )
      )
      and jsonb_build_object(
        'owner_id',
        w.owner_id,
        'ttl_ms',
        w.ttl_ms,
        'autostart_schedule',
        w.autostart_schedule,
        'quiet_hours',
        o.quiet_hours_schedule,
        'default_ttl_ms',
        t."default_ttl_ms",
        'allow_user_autostart',
        t."allow_user_autostart",
        'allow_user_autostop',
        t."allow_user_autostop",
        'autostop_requirement_days',
        t."autostop_requirement_days",
        'autostart_days',
        t."autostart_days",
        'autostop_requirement_weeks',
        t."autostop_requirement_weeks"
      ) = $3::jsonb
    for update of
      j,
      w
  ),
  ended as (
    update provisioner_jobs j
    set
      completed_at = $4::timestamptz,
      updated_at = $5::timestamptz,
      error = null,
      error_code = null,
      agent_tokens = null,
      input = j.input
    from
      target t
    where
      j.id = t.job_id
    returning
      j.id,
      j.type,
      j.organization_id
  ),
  built as (
    update workspace_builds b
    set
      provisioner_state = $6::bytea,
      deadline = $7::timestamptz,
      max_deadline = $8::timestamptz,
      daily_cost = $9::int,
      has_external_agent = $10,
      updated_at = $11::timestamptz
    from
      target t
    where
      b.id = t.build_id
  ),
  moved as (
    update workspaces w
    set
      deleted = w.deleted
      or t.transition = 'delete',
      next_start_at = case
        when w.autostart_schedule is null then w.next_start_at
        else $12::timestamptz
      end
    from
      target t
    where
      w.id = t.workspace_id
      and (
        t.transition = 'delete'
        or (
          w.autostart_schedule is not null
          and w.next_start_at is distinct from $13::timestamptz
        )
      )
  ),
  replaced as (
    update workspace_agents a
    set
      deleted = true
    from
      target t
    where
      a.workspace_id = t.workspace_id
      and not a.deleted
      and (
        a.build_id <> t.build_id
        or t.transition = 'delete'
      )
    returning
      a.id
  ),
  inserted as (
    select
      1
  ),
  timed as (
    insert into
      provisioner_job_timings (job_id, started_at, ended_at, stage, source, action, resource)
    select
      e.id,
      t.started_at,
      t.ended_at,
      t.stage,
      t.source,
      t.action,
      t.resource
    from
      ended e,
      jsonb_to_recordset($14::jsonb) as t (
        started_at timestamptz,
        ended_at timestamptz,
        stage text,
        source text,
        action text,
        resource text
      )
  ),
  ended_builds as (
    select
      false as is_canceled,
      b.id as build_id,
      b.build_number,
      b.transition,
      b.reason,
      b.initiator_id,
      i.username as initiator,
      w.id as workspace_id,
      w.name,
      w.owner_id,
      w.organization_id,
      w.template_id,
      o.username as owner_username,
      t.name as template_name,
      v.name as template_version_name,
      array[w.id, w.owner_id, w.template_id, w.organization_id] as targets
    from
      ended e
      join workspace_builds b on b.job_id = e.id
      join workspaces w on w.id = b.workspace_id
      join users o on o.id = w.owner_id
      join users i on i.id = b.initiator_id
      join template_versions v on v.id = b.template_version_id
      join templates t on t.id = w.template_id
  ),
  noticed_deletion as (
    insert into
      notification_messages (
        id,
        idempotency_key,
        template_id,
        user_id,
        labels,
        targets,
        created_by,
        next_attempt_at,
        created_at
      )
    select
      gen_random_uuid(),
      'workspace-deleted:' || f.workspace_id,
      $15::uuid,
      f.owner_id,
      jsonb_build_object(
        'name',
        f.name,
        'reason',
        case f.reason
          when 'initiator' then 'initiated by user'
          when 'autodelete' then 'autodeleted due to dormancy'
          else f.reason
        end,
        'initiator',
        case f.reason
          when 'autodelete' then 'autobuild'
          else f.initiator
        end
      ),
      f.targets,
      $16,
      $17::timestamptz,
      $18::timestamptz
    from
      ended_builds f
    where
      f.transition = 'delete'
      and f.owner_id <> prebuilds_user_id ()
      and not (
        f.reason = 'initiator'
        and f.initiator_id = f.owner_id
      )
    on conflict (idempotency_key) do nothing
  ),
  noticed_replacements as (
    insert into
      notification_messages (
        id,
        idempotency_key,
        template_id,
        user_id,
        labels,
        targets,
        created_by,
        next_attempt_at,
        created_at
      )
    select
      gen_random_uuid(),
      'resources-replaced:' || f.build_id || ':' || a.id,
      $19::uuid,
      a.id,
      jsonb_build_object(
        'workspace',
        f.name,
        'template',
        f.template_name,
        'template_version',
        f.template_version_name,
        'preset',
        p.name,
        'claimant',
        f.initiator,
        'replacements',
        $20::text
      ),
      f.targets,
      $21,
      $22::timestamptz,
      $23::timestamptz
    from
      ended_builds f
      join workspace_builds b on b.id = f.build_id
      join provisioner_jobs j on j.id = b.job_id
      join workspace_builds o on o.workspace_id = f.workspace_id
      and o.build_number = 1
      join template_version_presets p on p.id = o.template_version_preset_id
      join users a on 'template-admin' = any (a.site_roles)
      and not a.deleted
      and a.status <> 'suspended'
    where
      $24::boolean
      and coalesce(j.input -> 'prebuilt_workspace_stage' = $25::jsonb, false)
    on conflict (idempotency_key) do nothing
  ),
  audited as (
    insert into
      audit_logs (
        id,
        time,
        request_id,
        user_id,
        organization_id,
        ip,
        user_agent,
        resource_type,
        resource_id,
        resource_target,
        action,
        diff,
        status_code,
        additional_fields
      )
    select
      gen_random_uuid(),
      $26::timestamptz,
      $27,
      f.initiator_id,
      f.organization_id,
      $28,
      $29,
      $30,
      f.build_id,
      f.name,
      f.transition,
      $31::jsonb,
      $32::int,
      jsonb_build_object(
        'workspace_name',
        f.name,
        'build_number',
        f.build_number::text,
        'build_reason',
        f.reason,
        'workspace_owner',
        f.owner_username,
        'workspace_id',
        f.workspace_id
      )
    from
      ended_builds f
  )
select
  e.id,
  e.type,
  e.organization_id,
  t.build_id,
  t.workspace_id,
  t.follows
from
  ended e
  join target t on t.job_id = e.id
