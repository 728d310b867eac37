with
  beat as materialized (
    select
      *
    from
      unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[]) as b (workspace_id, seen_at, bump_at, next_autostart_at)
  ),
  locked as materialized (
    select
      w.id
    from
      workspaces w
    where
      w.id in (
        select
          workspace_id
        from
          beat
      )
    order by
      w.id
    for no key update
  ),
  bumped as (
    update workspace_builds b
    set
      deadline = least(greatest(b.deadline, s.bump_at + s.step), coalesce(b.max_deadline, 'infinity')),
      updated_at = s.bump_at
    from
      (
        select
          w.id as workspace_id,
          w.latest_build_id,
          beat.bump_at,
          t.time_til_autostop_notify_ms as lead_ms,
          case
            when beat.bump_at < beat.next_autostart_at
            and beat.next_autostart_at < beat.bump_at + duration_of (t.activity_bump_ms / 1000 * 1000) then beat.next_autostart_at - beat.bump_at + duration_of (
              case
                when t.allow_user_autostop then w.ttl_ms
                else t.default_ttl_ms
              end
            )
            else duration_of (t.activity_bump_ms / 1000 * 1000)
          end as step
        from
          beat
          join locked on locked.id = beat.workspace_id
          join workspaces w on w.id = beat.workspace_id
          join templates t on t.id = w.template_id
        where
          beat.bump_at is not null
          and t.activity_bump_ms > 0
          and not w.deleted
          and w.owner_id <> prebuilds_user_id ()
      ) s,
      provisioner_jobs j
    where
      b.id = s.latest_build_id
      and j.id = b.job_id
      and j.completed_at is not null
      and b.transition = 'start'
      and s.step > interval '0'
      and b.deadline is not null
      and b.deadline - s.step * 0.95 < s.bump_at
    returning
      s.workspace_id,
      case
        when s.lead_ms > 0 then instant_before (b.deadline, s.lead_ms)
      end as reminder_at
  ),
  marked as (
    update workspaces w
    set
      last_used_at = greatest(w.last_used_at, beat.seen_at),
      check_at = case
        when bumped.reminder_at is null then w.check_at
        else least(w.check_at, bumped.reminder_at)
      end
    from
      beat
      join locked on locked.id = beat.workspace_id
      left join bumped on bumped.workspace_id = beat.workspace_id
    where
      w.id = beat.workspace_id
      and (
        w.last_used_at is null
        or w.last_used_at < beat.seen_at
        or bumped.reminder_at < w.check_at
      )
    returning
      w.id
  ),
  stored as (
    insert into
      workspace_agent_stats (
        created_at,
        user_id,
        workspace_id,
        template_id,
        agent_id,
        connections_by_proto,
        connection_count,
        connection_median_latency_ms,
        rx_packets,
        rx_bytes,
        tx_packets,
        tx_bytes,
        session_count_vscode,
        session_count_jetbrains,
        session_count_reconnecting_pty,
        session_count_ssh,
        usage
      )
    select
      created_at,
      user_id,
      workspace_id,
      template_id,
      agent_id,
      connections_by_proto,
      connection_count,
      connection_median_latency_ms,
      rx_packets,
      rx_bytes,
      tx_packets,
      tx_bytes,
      session_count_vscode,
      session_count_jetbrains,
      session_count_reconnecting_pty,
      session_count_ssh,
      usage
    from
      jsonb_populate_recordset(null::workspace_agent_stats, $5::jsonb) r
    where
      not exists (
        select
          1
        from
          workspace_agent_stats s
        where
          s.created_at = r.created_at
          and s.agent_id = r.agent_id
          and (
            s.usage,
            s.session_count_vscode,
            s.session_count_jetbrains,
            s.session_count_reconnecting_pty,
            s.session_count_ssh
          ) = (
            r.usage,
            r.session_count_vscode,
            r.session_count_jetbrains,
            r.session_count_reconnecting_pty,
            r.session_count_ssh
          )
      )
    returning
      1 as stored
  ),
  app_stored as (
    insert into
      workspace_app_stats as a (
        session_id,
        user_id,
        workspace_id,
        agent_id,
        access_method,
        slug_or_port,
        session_started_at,
        session_ended_at,
        requests
      )
    select
      session_id,
      user_id,
      workspace_id,
      agent_id,
      access_method,
      slug_or_port,
      session_started_at,
      session_ended_at,
      requests
    from
      jsonb_populate_recordset(null::workspace_app_stats, $6::jsonb) r
    on conflict (user_id, agent_id, session_id) do update
    set
      session_ended_at = greatest(a.session_ended_at, excluded.session_ended_at),
      requests = greatest(a.requests, excluded.requests)
    where
      a.session_ended_at < excluded.session_ended_at
      or a.requests < excluded.requests
  ),
  renewed as materialized (
    select
      v.position::int as position,
      k.id as key_id,
      k.user_id,
      v.used_at,
      v.ip,
      json_build_object(
        'ownerId',
        w.owner_id,
        'templateId',
        w.template_id,
        'isPrebuild',
        w.owner_id = prebuilds_user_id (),
        'autostartSchedule',
        w.autostart_schedule,
        'autostartDays',
        t.autostart_days,
        'agentIds',
        (
          select
            coalesce(
              json_agg(
                a.id
                order by
                  a.id
              ),
              '[]'
            )
          from
            workspace_agents a
          where
            a.workspace_id = w.id
            and not a.deleted
        )
      ) as facts
    from
      unnest($7::text[], $8::text[], $9::uuid[], $10::timestamptz[], $11::text[]) with ordinality v (key_id, key_hash, workspace_id, used_at, ip, position)
      join api_keys k on k.id = v.key_id
      and k.hashed_secret = decode(v.key_hash, 'hex')
      join workspaces w on w.id = v.workspace_id
      join users u on u.id = k.user_id
      and u.status = 'active'
      join templates t on t.id = w.template_id
      left join organization_members member on member.user_id = u.id
      and member.organization_id = w.organization_id
      left join organizations member_of on member_of.id = member.organization_id
      and not member_of.deleted
    where
      not w.deleted
      -- The planner expects a case to hold for half of the rows. It would expect the bare
      -- condition to hold for none.
      and case
        when key_problem (k.expires_at, u.deleted, u.is_system, u.status, $12) is null
        and (
          (
            held_site_roles (u.site_roles) && $13::text[]
            or (
              member_of.id is not null
              and held_organization_roles (member.roles, member_of.default_org_member_roles) && $14::text[]
            )
            or (
              w.owner_id = u.id
              and held_site_roles (u.site_roles) && $15::text[]
            )
            or (
              w.owner_id = u.id
              and (
                member_of.id is not null
                and held_organization_roles (member.roles, member_of.default_org_member_roles) && $16::text[]
              )
            )
          )
          and k.scopes && $17::text[]
          and (
            k.allow_list && $18::text[]
            or k.allow_list && array[$19::text || ':' || w.id, '*:' || w.id]
          )
        )
        and (
          (
            held_site_roles (u.site_roles) && $20::text[]
            or (
              member_of.id is not null
              and held_organization_roles (member.roles, member_of.default_org_member_roles) && $21::text[]
            )
            or (
              w.owner_id = u.id
              and held_site_roles (u.site_roles) && $22::text[]
            )
            or (
              w.owner_id = u.id
              and (
                member_of.id is not null
                and held_organization_roles (member.roles, member_of.default_org_member_roles) && $23::text[]
              )
            )
          )
          and k.scopes && $24::text[]
          and (
            k.allow_list && $25::text[]
            or k.allow_list && array[$26::text || ':' || w.id, '*:' || w.id]
          )
        ) then true
        else false
      end
  ),
  used_key as materialized (
    select
      key_id,
      user_id,
      max(used_at) as used_at,
      (
        array_agg(
          ip
          order by
            used_at desc
        )
      ) [1] as ip
    from
      renewed
    group by
      key_id,
      user_id
  ),
  due as materialized (
    select
      due.*
    from
      used_key due
      join api_keys k on k.id = due.key_id
    where
      (
        key_mark_is_due (k.last_used_at, due.used_at)
        or key_slide_is_due (k, due.used_at)
      )
  ),
  free_key as materialized (
    select
      k.id
    from
      api_keys k
      join due on due.key_id = k.id
    where
      (
        key_mark_is_due (k.last_used_at, due.used_at)
        or key_slide_is_due (k, due.used_at)
      )
    for no key update of
      k skip locked
  ),
  free_user as materialized (
    select
      u.id
    from
      users u
    where
      u.id in (
        select
          user_id
        from
          due
      )
    for no key update
      skip locked
  ),
  marked_key as (
    update api_keys k
    set
      last_used_at = case
        when key_mark_is_due (k.last_used_at, due.used_at) then greatest(k.last_used_at, due.used_at)
        else k.last_used_at
      end,
      ip = case
        when key_mark_is_due (k.last_used_at, due.used_at) then due.ip
        else k.ip
      end,
      expires_at = case
        when key_slide_is_due (k, due.used_at) then due.used_at + make_interval(secs => k.lifetime_seconds)
        else k.expires_at
      end,
      updated_at = case
        when key_slide_is_due (k, due.used_at) then due.used_at
        else k.updated_at
      end
    from
      due
      join free_key on free_key.id = due.key_id
    where
      k.id = due.key_id
      and (
        key_mark_is_due (k.last_used_at, due.used_at)
        or key_slide_is_due (k, due.used_at)
      )
    returning
      k.id
  ),
  seen_user as (
    update users u
    set
      last_seen_at = greatest(u.last_seen_at, due.used_at)
    from
      (
        select
          user_id,
          max(used_at) as used_at
        from
          due
        group by
          user_id
      ) due
      join free_user on free_user.id = due.user_id
    where
      u.id = due.user_id
      and (
        u.last_seen_at is null
        or u.last_seen_at < due.used_at
      )
    returning
      u.id
  )
select
  (
    select
      count(*)
    from
      marked
  )::int as used,
  (
    select
      coalesce(array_agg(workspace_id::text), '{}')
    from
      bumped
  ) as bumped,
  (
    select
      count(*)
    from
      stored
  )::int as stats,
  (
    select
      coalesce(json_agg(json_build_object('position', position, 'facts', facts)), '[]')
    from
      renewed
  ) as renewed
