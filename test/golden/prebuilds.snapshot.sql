with
  prebuilds as materialized (
    select
      w.id,
      w.created_at,
      w.latest_transition as transition,
      w.latest_job_status as job_status,
      b.id as build_id,
      b.created_at as build_created_at,
      b.build_number,
      b.initiator_id = prebuilds_user_id () as is_pool_build,
      b.template_version_id = t.active_version_id as is_active_version,
      t.deleted as is_template_deleted,
      b.template_version_preset_id as build_preset_id,
      (
        select
          s.template_version_preset_id
        from
          workspace_builds s
        where
          s.workspace_id = w.id
          and s.template_version_preset_id is not null
        order by
          s.build_number desc
        limit
          1
      ) as preset_id
    from
      workspaces w
      join workspace_builds b on b.id = w.latest_build_id
      join templates t on t.id = w.template_id
    where
      w.owner_id = prebuilds_user_id ()
      and not w.deleted
  ),
  held as (
    select
      p.preset_id,
      coalesce(
        jsonb_agg(
          jsonb_build_object(
            'id',
            p.id,
            'created_at_ms',
            extract(
              epoch
              from
                p.created_at
            ) * 1000,
            'is_ready',
            coalesce(
              (
                select
                  bool_and(a.lifecycle_state = 'ready')
                from
                  workspace_agents a
                where
                  a.build_id = p.build_id
                  and not a.deleted
                  and a.parent_id is null
              ),
              false
            )
          )
          order by
            p.id
        ) filter (
          where
            p.transition = 'start'
            and p.job_status = 'succeeded'
        ),
        '[]'
      ) as running,
      coalesce(
        jsonb_agg(
          jsonb_build_object(
            'id',
            p.id,
            'is_start',
            p.transition = 'start',
            'state',
            case
              when p.job_status = 'succeeded' then 'stopped'
              else p.job_status
            end,
            'build_number',
            p.build_number,
            'built_at_ms',
            extract(
              epoch
              from
                p.build_created_at
            ) * 1000
          )
          order by
            p.id
        ) filter (
          where
            p.job_status in ('failed', 'canceled')
            or (
              p.transition = 'stop'
              and p.job_status = 'succeeded'
            )
        ),
        '[]'
      ) as remnants,
      count(*) filter (
        where
          p.is_under_way
          and p.transition = 'start'
      ) as starting,
      count(*) filter (
        where
          p.is_under_way
          and p.transition = 'stop'
      ) as stopping,
      count(*) filter (
        where
          p.is_under_way
          and p.transition = 'delete'
      ) as deleting,
      count(*) filter (
        where
          p.is_queued
          and p.build_number = 1
          and not p.is_active_version
      ) as pending,
      count(*) filter (
        where
          p.is_queued
      ) as queued
    from
      (
        select
          *,
          is_pool_build
          and is_active_version
          and job_status in ('pending', 'running') as is_under_way,
          is_pool_build
          and transition = 'start'
          and job_status = 'pending' as is_queued
        from
          prebuilds
      ) p
    group by
      p.preset_id
  ),
  starts as (
    select
      build_preset_id as preset_id,
      build_created_at,
      job_status,
      is_template_deleted,
      row_number() over (
        partition by
          build_preset_id
        order by
          build_created_at desc,
          build_id
      ) as age_rank
    from
      prebuilds
    where
      transition = 'start'
      and is_active_version
      and build_preset_id is not null
  ),
  failures as (
    select
      s.preset_id,
      count(*) filter (
        where
          s.is_recent_failure
      ) as failed,
      max(s.build_created_at) filter (
        where
          s.is_recent_failure
          and s.age_rank <= p.desired_instances
      ) as last_failed_at,
      count(*) filter (
        where
          s.job_status = 'failed'
          and s.age_rank <= $1
      ) as newest_failed
    from
      (
        select
          *,
          job_status = 'failed'
          and not is_template_deleted
          and build_created_at >= $2::timestamptz as is_recent_failure
        from
          starts
      ) s
      join template_version_presets p on p.id = s.preset_id
    group by
      s.preset_id
  )
select
  coalesce(
    (
      select
        (c.value ->> 'reconciliation_paused')::boolean
      from
        site_configs c
      where
        c.key = 'prebuilds_settings'
    ),
    false
  ) as is_paused,
  p.id as preset_id,
  p.name as preset_name,
  v.id as template_version_id,
  t.id as template_id,
  t.name as template_name,
  t.deleted as template_deleted,
  t.deprecation_message <> '' as template_deprecated,
  t.active_version_id = v.id as using_active_version,
  t.organization_id,
  o.name as organization_name,
  p.desired_instances,
  p.invalidate_after_secs,
  p.scheduling_timezone,
  p.prebuild_status,
  p.last_invalidated_at,
  p.pool_version,
  coalesce(
    (
      select
        jsonb_agg(
          jsonb_build_object('cron', s.cron_expression, 'instances', s.desired_instances)
          order by
            s.position
        )
      from
        template_version_preset_prebuild_schedules s
      where
        s.preset_id = p.id
    ),
    '[]'
  ) as schedules,
  coalesce(h.running, '[]') as running,
  coalesce(h.remnants, '[]') as remnants,
  coalesce(h.starting, 0) as starting,
  coalesce(h.stopping, 0) as stopping,
  coalesce(h.deleting, 0) as deleting,
  coalesce(h.pending, 0) as pending,
  coalesce(h.queued, 0) as queued,
  case
    when f.last_failed_at is not null then f.failed
  end as failed,
  f.last_failed_at,
  coalesce(
    $3 > 0
    and f.newest_failed >= $4,
    false
  ) as is_hard_limited
from
  template_version_presets p
  join template_versions v on v.id = p.template_version_id
  join templates t on t.id = v.template_id
  join organizations o on o.id = t.organization_id
  left join held h on h.preset_id = p.id
  left join failures f on f.preset_id = p.id
where
  p.desired_instances is not null
  and (
    (
      t.active_version_id = v.id
      and not t.deleted
    )
    or coalesce(jsonb_array_length(h.running) + jsonb_array_length(h.remnants), 0) > 0
    or h.pending > 0
    or f.last_failed_at is not null
  )
order by
  p.id
