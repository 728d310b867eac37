with
  page as materialized (
    select
      id,
      rank,
      owner_key,
      name_key
    from
      (
        (
          select
            w.id,
            $1::int as rank,
            lower(w.owner_name) as owner_key,
            lower(w.name) as name_key
          from
            workspaces w
          where
            (
              (
                (
                  select
                    actor_has_site_role ($2::text[])
                )
                or w.organization_id = any (
                  (
                    select
                      actor_organizations ($3::text[])
                  )::uuid[]
                )
                or (
                  w.owner_id = (
                    select
                      actor_id ()
                  )
                  and (
                    select
                      actor_has_site_role ($4::text[])
                  )
                )
                or (
                  w.owner_id = (
                    select
                      actor_id ()
                  )
                  and w.organization_id = any (
                    (
                      select
                        actor_organizations ($5::text[])
                    )::uuid[]
                  )
                )
              )
              and (
                select
                  actor_has_scope ($6::text[])
              )
              and (
                (
                  select
                    actor_allow_list_has ($7::text[])
                )
                or actor_allow_list_has (array[$8::text || ':' || w.id, '*:' || w.id])
              )
            )
            and not w.deleted
            and (
              w.latest_transition = 'start'
              and w.latest_job_status = 'succeeded'
            ) is true
            and (
              w.favorite
              and w.owner_id = (
                select
                  actor_id ()
              )
            )
          order by
            lower(w.owner_name),
            lower(w.name),
            w.id
          limit
            $9
        )
        union all
        (
          select
            w.id,
            $10::int as rank,
            lower(w.owner_name) as owner_key,
            lower(w.name) as name_key
          from
            workspaces w
          where
            (
              (
                (
                  select
                    actor_has_site_role ($11::text[])
                )
                or w.organization_id = any (
                  (
                    select
                      actor_organizations ($12::text[])
                  )::uuid[]
                )
                or (
                  w.owner_id = (
                    select
                      actor_id ()
                  )
                  and (
                    select
                      actor_has_site_role ($13::text[])
                  )
                )
                or (
                  w.owner_id = (
                    select
                      actor_id ()
                  )
                  and w.organization_id = any (
                    (
                      select
                        actor_organizations ($14::text[])
                    )::uuid[]
                  )
                )
              )
              and (
                select
                  actor_has_scope ($15::text[])
              )
              and (
                (
                  select
                    actor_allow_list_has ($16::text[])
                )
                or actor_allow_list_has (array[$17::text || ':' || w.id, '*:' || w.id])
              )
            )
            and not w.deleted
            and (
              w.latest_transition = 'start'
              and w.latest_job_status = 'succeeded'
            ) is false
            and (
              w.favorite
              and w.owner_id = (
                select
                  actor_id ()
              )
            )
          order by
            lower(w.owner_name),
            lower(w.name),
            w.id
          limit
            $18
        )
        union all
        (
          select
            w.id,
            $19::int as rank,
            lower(w.owner_name) as owner_key,
            lower(w.name) as name_key
          from
            workspaces w
          where
            (
              (
                (
                  select
                    actor_has_site_role ($20::text[])
                )
                or w.organization_id = any (
                  (
                    select
                      actor_organizations ($21::text[])
                  )::uuid[]
                )
                or (
                  w.owner_id = (
                    select
                      actor_id ()
                  )
                  and (
                    select
                      actor_has_site_role ($22::text[])
                  )
                )
                or (
                  w.owner_id = (
                    select
                      actor_id ()
                  )
                  and w.organization_id = any (
                    (
                      select
                        actor_organizations ($23::text[])
                    )::uuid[]
                  )
                )
              )
              and (
                select
                  actor_has_scope ($24::text[])
              )
              and (
                (
                  select
                    actor_allow_list_has ($25::text[])
                )
                or actor_allow_list_has (array[$26::text || ':' || w.id, '*:' || w.id])
              )
            )
            and not w.deleted
            and (
              w.latest_transition = 'start'
              and w.latest_job_status = 'succeeded'
            ) is true
            and not (
              w.favorite
              and w.owner_id = (
                select
                  actor_id ()
              )
            )
          order by
            lower(w.owner_name),
            lower(w.name),
            w.id
          limit
            $27
        )
        union all
        (
          select
            w.id,
            $28::int as rank,
            lower(w.owner_name) as owner_key,
            lower(w.name) as name_key
          from
            workspaces w
          where
            (
              (
                (
                  select
                    actor_has_site_role ($29::text[])
                )
                or w.organization_id = any (
                  (
                    select
                      actor_organizations ($30::text[])
                  )::uuid[]
                )
                or (
                  w.owner_id = (
                    select
                      actor_id ()
                  )
                  and (
                    select
                      actor_has_site_role ($31::text[])
                  )
                )
                or (
                  w.owner_id = (
                    select
                      actor_id ()
                  )
                  and w.organization_id = any (
                    (
                      select
                        actor_organizations ($32::text[])
                    )::uuid[]
                  )
                )
              )
              and (
                select
                  actor_has_scope ($33::text[])
              )
              and (
                (
                  select
                    actor_allow_list_has ($34::text[])
                )
                or actor_allow_list_has (array[$35::text || ':' || w.id, '*:' || w.id])
              )
            )
            and not w.deleted
            and (
              w.latest_transition = 'start'
              and w.latest_job_status = 'succeeded'
            ) is false
            and not (
              w.favorite
              and w.owner_id = (
                select
                  actor_id ()
              )
            )
          order by
            lower(w.owner_name),
            lower(w.name),
            w.id
          limit
            $36
        )
      ) arms
    order by
      rank,
      owner_key,
      name_key,
      id
    limit
      $37
    offset
      $38
  )
select
  whole.id,
  whole.created_at,
  whole.updated_at,
  whole.owner_id,
  whole.owner_username,
  whole.owner_avatar_url,
  whole.organization_id,
  whole.organization_name,
  whole.template_id,
  whole.template_name,
  whole.template_display_name,
  whole.template_icon,
  whole.template_active_version_id,
  whole.template_allow_user_cancel_workspace_jobs,
  whole.template_require_active_version,
  whole.template_use_classic_parameter_flow,
  whole.template_allow_user_autostop,
  whole.template_default_ttl_ms,
  whole.name,
  whole.autostart_schedule,
  whole.ttl_ms,
  whole.last_used_at,
  whole.deleting_at,
  whole.dormant_at,
  whole.next_start_at,
  whole.automatic_updates,
  whole.favorite,
  whole.deleted,
  (
    select
      json_build_object(
        'id',
        b.id,
        'created_at',
        b.created_at,
        'updated_at',
        b.updated_at,
        'workspace_id',
        b.workspace_id,
        'workspace_name',
        w.name,
        'workspace_owner_id',
        w.owner_id,
        'workspace_owner_name',
        o.username,
        'workspace_owner_avatar_url',
        o.avatar_url,
        'template_version_id',
        b.template_version_id,
        'template_version_name',
        v.name,
        'build_number',
        b.build_number,
        'transition',
        b.transition,
        'initiator_id',
        b.initiator_id,
        'initiator_name',
        i.username,
        'reason',
        b.reason,
        'deadline',
        b.deadline,
        'max_deadline',
        b.max_deadline,
        'daily_cost',
        b.daily_cost,
        'template_version_preset_id',
        b.template_version_preset_id,
        'has_external_agent',
        b.has_external_agent,
        'job',
        json_build_object(
          'id',
          j.id,
          'created_at',
          j.created_at,
          'started_at',
          j.started_at,
          'completed_at',
          j.completed_at,
          'canceled_at',
          j.canceled_at,
          'error',
          j.error,
          'error_code',
          j.error_code,
          'status',
          j.job_status,
          'worker_id',
          j.worker_id,
          'file_id',
          j.file_id,
          'tags',
          j.tags,
          'organization_id',
          j.organization_id,
          'initiator_id',
          j.initiator_id,
          'engine',
          j.engine,
          'type',
          j.type,
          'template_version_id',
          j.input ->> 'template_version_id',
          'workspace_build_id',
          j.input ->> 'workspace_build_id',
          'logs_overflowed',
          j.logs_overflowed,
          'queue',
          case
            when j.job_status = 'pending' then (
              select
                json_build_object('position', coalesce(min(q.position), 0), 'size', coalesce(max(q.size), 0))
              from
                (
                  select distinct
                    d.tags
                  from
                    provisioner_daemons d
                  where
                    d.organization_id = j.organization_id
                    and j.provisioner = any (d.provisioners)
                    and d.last_seen_at >= $39::timestamptz
                    and tags_match (j.tags, d.tags)
                ) s
                cross join lateral (
                  select
                    count(*) as size,
                    count(*) filter (
                      where
                        (p.queue_rank, p.created_at, p.id) <= (j.queue_rank, j.created_at, j.id)
                    ) as position
                  from
                    provisioner_jobs p
                  where
                    p.organization_id = j.organization_id
                    and p.started_at is null
                    and p.completed_at is null
                    and p.job_status = 'pending'
                    and p.provisioner = j.provisioner
                    and tags_match (p.tags, s.tags)
                ) q
            )
          end
        ),
        'resources',
        (
          select
            coalesce(
              json_agg(
                json_build_object(
                  'id',
                  r.id,
                  'created_at',
                  r.created_at,
                  'job_id',
                  r.job_id,
                  'workspace_transition',
                  r.transition,
                  'type',
                  r.type,
                  'name',
                  r.name,
                  'hide',
                  r.hide,
                  'icon',
                  r.icon,
                  'daily_cost',
                  r.daily_cost,
                  'metadata',
                  (
                    select
                      json_agg(
                        json_build_object('key', m.key, 'value', m.value, 'sensitive', m.sensitive)
                        order by
                          m.position
                      )
                    from
                      workspace_resource_metadata m
                    where
                      m.resource_id = r.id
                  ),
                  'agents',
                  (
                    select
                      json_agg(
                        json_build_object(
                          'id',
                          a.id,
                          'parent_id',
                          a.parent_id,
                          'created_at',
                          a.created_at,
                          'updated_at',
                          a.updated_at,
                          'first_connected_at',
                          a.first_connected_at,
                          'last_connected_at',
                          a.last_connected_at,
                          'disconnected_at',
                          a.disconnected_at,
                          'started_at',
                          a.started_at,
                          'ready_at',
                          a.ready_at,
                          'status',
                          agent_status (a, $40::timestamptz),
                          'lifecycle_state',
                          a.lifecycle_state,
                          'name',
                          a.name,
                          'resource_id',
                          a.resource_id,
                          'instance_id',
                          a.auth_instance_id,
                          'architecture',
                          a.architecture,
                          'environment_variables',
                          a.environment_variables,
                          'operating_system',
                          a.operating_system,
                          'logs_length',
                          a.logs_length,
                          'logs_overflowed',
                          a.logs_overflowed,
                          'directory',
                          a.directory,
                          'expanded_directory',
                          a.expanded_directory,
                          'version',
                          a.version,
                          'api_version',
                          a.api_version,
                          'connection_timeout_seconds',
                          a.connection_timeout_seconds,
                          'troubleshooting_url',
                          a.troubleshooting_url,
                          'subsystems',
                          a.subsystems,
                          'display_apps',
                          a.display_apps,
                          'display_order',
                          a.display_order,
                          'apps',
                          (
                            select
                              json_agg(
                                json_build_object(
                                  'id',
                                  p.id,
                                  'slug',
                                  p.slug,
                                  'url',
                                  p.url,
                                  'external',
                                  p.external,
                                  'display_name',
                                  p.display_name,
                                  'command',
                                  p.command,
                                  'icon',
                                  p.icon,
                                  'subdomain',
                                  p.subdomain,
                                  'sharing_level',
                                  p.sharing_level,
                                  'healthcheck',
                                  json_build_object(
                                    'url',
                                    p.healthcheck_url,
                                    'interval',
                                    p.healthcheck_interval_seconds,
                                    'threshold',
                                    p.healthcheck_threshold
                                  ),
                                  'health',
                                  p.health,
                                  'group',
                                  p.display_group,
                                  'hidden',
                                  p.hidden,
                                  'open_in',
                                  p.open_in,
                                  'tooltip',
                                  p.tooltip,
                                  'statuses',
                                  (
                                    select
                                      json_agg(
                                        json_build_object(
                                          'id',
                                          t.id,
                                          'created_at',
                                          t.created_at,
                                          'workspace_id',
                                          t.workspace_id,
                                          'agent_id',
                                          t.agent_id,
                                          'app_id',
                                          t.app_id,
                                          'state',
                                          t.state,
                                          'message',
                                          t.message,
                                          'uri',
                                          t.uri
                                        )
                                        order by
                                          t.created_at desc
                                      )
                                    from
                                      workspace_app_statuses t
                                    where
                                      t.app_id = p.id
                                  )
                                )
                                order by
                                  p.display_order,
                                  p.slug
                              )
                            from
                              workspace_apps p
                            where
                              p.agent_id = a.id
                          ),
                          'scripts',
                          (
                            select
                              json_agg(
                                json_build_object(
                                  'id',
                                  c.id,
                                  'log_source_id',
                                  c.log_source_id,
                                  'log_path',
                                  c.log_path,
                                  'script',
                                  c.script,
                                  'cron',
                                  c.cron,
                                  'run_on_start',
                                  c.run_on_start,
                                  'run_on_stop',
                                  c.run_on_stop,
                                  'start_blocks_login',
                                  c.start_blocks_login,
                                  'timeout_seconds',
                                  c.timeout_seconds,
                                  'display_name',
                                  c.display_name,
                                  'exit_code',
                                  l.exit_code,
                                  'status',
                                  l.status
                                )
                                order by
                                  c.display_name,
                                  c.id
                              )
                            from
                              workspace_agent_scripts c
                              left join lateral (
                                select
                                  g.exit_code,
                                  g.status
                                from
                                  workspace_agent_script_timings g
                                where
                                  g.script_id = c.id
                                order by
                                  g.id desc
                                limit
                                  1
                              ) l on true
                            where
                              c.agent_id = a.id
                          ),
                          'log_sources',
                          (
                            select
                              json_agg(
                                json_build_object(
                                  'workspace_agent_id',
                                  s.agent_id,
                                  'id',
                                  s.id,
                                  'created_at',
                                  s.created_at,
                                  'display_name',
                                  s.display_name,
                                  'icon',
                                  s.icon
                                )
                                order by
                                  s.created_at,
                                  s.id
                              )
                            from
                              workspace_agent_log_sources s
                            where
                              s.agent_id = a.id
                          )
                        )
                        order by
                          a.display_order,
                          a.name
                      )
                    from
                      workspace_agents a
                    where
                      a.resource_id = r.id
                      and not a.deleted
                  )
                )
                order by
                  r.name,
                  r.id
              ),
              '[]'
            )
          from
            workspace_resources r
          where
            r.job_id = b.job_id
        ),
        'matched_provisioners',
        case
          when j.job_status = 'pending' then (
            select
              json_build_object(
                'count',
                count(*),
                'available',
                count(*) filter (
                  where
                    d.last_seen_at >= j.created_at - make_interval(secs => 90)
                ),
                'most_recently_seen',
                max(d.last_seen_at)
              )
            from
              provisioner_daemons d
            where
              d.organization_id = j.organization_id
              and j.provisioner = any (d.provisioners)
              and tags_match (j.tags, d.tags)
          )
        end
      )
    from
      workspace_builds b
      join provisioner_jobs j on j.id = b.job_id
      join workspaces w on w.id = b.workspace_id
      join users o on o.id = w.owner_id
      join users i on i.id = b.initiator_id
      join template_versions v on v.id = b.template_version_id
    where
      b.id = whole.latest_build_id
  ) as latest_build,
  (
    select
      json_build_object(
        'id',
        s.id,
        'created_at',
        s.created_at,
        'workspace_id',
        s.workspace_id,
        'agent_id',
        s.agent_id,
        'app_id',
        s.app_id,
        'state',
        s.state,
        'message',
        s.message,
        'uri',
        s.uri
      )
    from
      workspace_app_statuses s
    where
      s.workspace_id = whole.id
    order by
      s.created_at desc
    limit
      1
  ) as latest_app_status,
  page.rank,
  page.owner_key,
  page.name_key
from
  page
  join workspaces_expanded whole on whole.id = page.id
order by
  page.rank,
  page.owner_key,
  page.name_key,
  page.id
