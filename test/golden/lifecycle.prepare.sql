with
  dirty as materialized (
    select
      id
    from
      workspaces
    where
      check_at = '-infinity'
    order by
      id
    limit
      $1::int / 2
  ),
  due as materialized (
    select
      id
    from
      dirty
    union all
    (
      select
        id
      from
        workspaces
      where
        check_at > '-infinity'
        and check_at <= $2::timestamptz
      order by
        check_at,
        id
      limit
        $3::int - (
          select
            count(*)
          from
            dirty
        )
    )
  )
select
  (
    select
      count(*)::int
    from
      due
  ) as due_count,
  coalesce(
    (
      select
        jsonb_agg(
          jsonb_build_object(
            'workspace_id',
            w.id,
            'build_id',
            b.id,
            'schedule',
            w.autostart_schedule,
            'allowed_days',
            t.autostart_days,
            'stop_created_at',
            case
              when b.transition = 'stop' then b.created_at
            end
          )
        )
      from
        due
        join workspaces w on w.id = due.id
        join workspace_builds b on b.id = w.latest_build_id
        join templates t on t.id = w.template_id
      where
        (
          w.dormant_at is null
          and coalesce(w.autostart_schedule, '') <> ''
          and is_next_start_stale (
            w.next_start_at,
            case
              when b.transition = 'stop' then b.created_at
            end,
            w.autostart_schedule,
            t.autostart_days
          )
        )
    ),
    '[]'
  ) as next_starts,
  coalesce(
    (
      select
        jsonb_agg(
          jsonb_build_object(
            'workspace_id',
            r.workspace_id,
            'build_id',
            r.build_id,
            'template_version_id',
            r.template_version_id,
            'previous',
            coalesce(p.parameters, '[]')
          )
        )
      from
        due
        join workspaces w on w.id = due.id
        and w.latest_transition = 'stop'
        join lifecycle_rules r on r.workspace_id = w.id
        and r.rule = 'autostart'
        and r.due_at <= $4::timestamptz
        join workspace_builds b on b.id = r.build_id
        and b.template_version_id <> r.template_version_id
        left join lateral (
          select
            jsonb_agg(jsonb_build_object('name', v.name, 'value', v.value)) as parameters
          from
            workspace_build_parameters v
          where
            v.workspace_build_id = b.id
        ) p on true
    ),
    '[]'
  ) as carries
