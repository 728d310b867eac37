with
  held as (
    select
      through_at
    from
      rollup_marks
    where
      name = $1
    for update
  ),
  reach as (
    select
      coalesce(
        (
          select
            through_at
          from
            held
        ),
        '-infinity'
      ) as from_at,
      $2::timestamptz as to_at
  ),
  moved as (
    insert into
      rollup_marks (name, through_at)
    select
      $3,
      to_at
    from
      reach
    where
      from_at < to_at
    on conflict (name) do update
    set
      through_at = excluded.through_at
    where
      rollup_marks.through_at < excluded.through_at
    returning
      name
  ),
  span as (
    select
      from_at,
      to_at
    from
      reach
    where
      exists (
        select
        from
          moved
      )
  ),
  touched as (
    select
      j.*,
      true as has_begun
    from
      span s,
      provisioner_jobs j
    where
      j.created_at > s.from_at
      and j.created_at <= s.to_at
    union all
    select
      j.*,
      false
    from
      span s,
      provisioner_jobs j
    where
      j.completed_at > s.from_at
      and j.completed_at <= s.to_at
  ),
  jobs as (
    select
      j.has_begun,
      j.provisioner,
      coalesce(j.engine, '') as engine,
      j.type,
      j.job_status,
      j.created_at,
      j.started_at,
      j.completed_at,
      b.id as build_id,
      coalesce(b.transition, '') as transition,
      b.build_number,
      case
        when coalesce(j.input -> 'prebuilt_workspace_stage' = $4::jsonb, false) then 'prebuild'
        else coalesce(b.reason, '')
      end as reason,
      b.initiator_id = prebuilds_user_id () as is_pool_build,
      coalesce(j.input -> 'prebuilt_workspace_stage' = $5::jsonb, false) as is_claim,
      (j.input @> $6::jsonb) as has_replaced,
      p.desired_instances is not null as has_pool,
      t.deleted as is_template_deleted,
      jsonb_build_object(
        'template_name',
        t.name,
        'template_version',
        v.name,
        'workspace_name',
        w.name,
        'workspace_owner',
        u.username
      ) as workspace_names,
      jsonb_build_object(
        'template_name',
        coalesce(t.name, ''),
        'preset_name',
        coalesce(p.name, ''),
        'organization_name',
        coalesce(o.name, '')
      ) as names
    from
      touched j
      left join workspace_builds b on b.job_id = j.id
      left join workspaces w on w.id = b.workspace_id
      left join users u on u.id = w.owner_id
      left join templates t on t.id = w.template_id
      left join template_versions v on v.id = b.template_version_id
      left join organizations o on o.id = j.organization_id
      left join template_version_presets p on p.id = b.template_version_preset_id
  ),
  counted as (
    select
      'coderd_workspace_builds_enqueued_total' as name,
      jsonb_build_object(
        'provisioner_type',
        provisioner,
        'build_reason',
        reason,
        'transition',
        transition,
        'status',
        'success'
      ) as labels
    from
      jobs
    where
      has_begun
      and build_id is not null
    union all
    select
      'dormouse_builds_total',
      jsonb_build_object('transition', transition, 'reason', reason, 'status', job_status, 'engine', engine)
    from
      jobs
    where
      not has_begun
      and build_id is not null
    union all
    select
      'coderd_workspace_builds_total',
      workspace_names || jsonb_build_object(
        'status',
        case job_status
          when 'succeeded' then 'success'
          else 'failed'
        end,
        'workspace_transition',
        case transition
          when 'delete' then 'DESTROY'
          else upper(transition)
        end
      )
    from
      jobs
    where
      not has_begun
      and build_id is not null
      and job_status in ('succeeded', 'failed')
    union all
    select
      'coderd_prebuilt_workspaces_created_total',
      names
    from
      jobs
    where
      has_begun
      and is_pool_build
      and build_number = 1
      and not is_template_deleted
    union all
    select
      'coderd_prebuilt_workspaces_failed_total',
      names
    from
      jobs
    where
      not has_begun
      and is_pool_build
      and build_number = 1
      and job_status = 'failed'
      and not is_template_deleted
    union all
    select
      'coderd_prebuilt_workspaces_claimed_total',
      names
    from
      jobs
    where
      has_begun
      and is_claim
      and not is_template_deleted
    union all
    select
      'coderd_prebuilt_workspaces_missed_total',
      names
    from
      jobs
    where
      has_begun
      and not is_pool_build
      and build_number = 1
      and has_pool
      and not is_template_deleted
    union all
    select
      'coderd_prebuilt_workspaces_resource_replacements_total',
      names
    from
      jobs
    where
      not has_begun
      and is_claim
      and has_replaced
  ),
  observed as (
    select
      'dormouse_build_duration_seconds' as family,
      jsonb_build_object('transition', transition, 'status', job_status, 'engine', engine) as labels,
      extract(
        epoch
        from
          completed_at - started_at
      )::double precision as seconds
    from
      jobs
    where
      not has_begun
      and build_id is not null
      and started_at is not null
    union all
    select
      'coderd_provisioner_job_queue_wait_seconds',
      jsonb_build_object(
        'provisioner_type',
        provisioner,
        'job_type',
        type,
        'transition',
        transition,
        'build_reason',
        case
          when is_pool_build then 'prebuild'
          else reason
        end
      ),
      greatest(
        extract(
          epoch
          from
            started_at - created_at
        ),
        0.001
      )
    from
      jobs
    where
      not has_begun
      and started_at is not null
    union all
    select
      'coderd_workspace_creation_duration_seconds',
      names || jsonb_build_object(
        'type',
        case
          when is_pool_build then 'prebuild'
          else 'regular'
        end
      ),
      extract(
        epoch
        from
          completed_at - started_at
      )
    from
      jobs
    where
      not has_begun
      and build_number = 1
      and transition = 'start'
      and job_status = 'succeeded'
      and started_at is not null
    union all
    select
      'coderd_prebuilt_workspace_claim_duration_seconds',
      names,
      extract(
        epoch
        from
          completed_at - started_at
      )
    from
      jobs
    where
      not has_begun
      and is_claim
      and job_status = 'succeeded'
      and started_at is not null
  ),
  samples as (
    select
      name,
      labels,
      count(*)::double precision as value
    from
      counted
    group by
      name,
      labels
    union all
    select
      o.family || '_bucket' as name,
      o.labels || jsonb_build_object('le', b.le) as labels,
      (
        count(*) filter (
          where
            b.bound is null
            or o.seconds <= b.bound
        )
      )::double precision as value
    from
      observed o
      join jsonb_to_recordset($7::jsonb) as b (family text, le text, bound double precision) on b.family = o.family
    group by
      o.family,
      o.labels,
      b.le
    union all
    select
      o.family || '_sum',
      o.labels,
      sum(o.seconds)::double precision
    from
      observed o
    group by
      o.family,
      o.labels
    union all
    select
      o.family || '_count',
      o.labels,
      count(*)::double precision
    from
      observed o
    group by
      o.family,
      o.labels
  ),
  added as (
    insert into
      metrics (name, labels, value, updated_at)
    select
      name,
      labels,
      value,
      $8::timestamptz
    from
      samples c
    on conflict (name, labels) do update
    set
      value = metrics.value + excluded.value,
      updated_at = excluded.updated_at
    returning
      name
  )
select
  count(*) as written
from
  added
