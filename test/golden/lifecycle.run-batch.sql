with
  due as materialized (
    select
      id,
      row_version
    from
      take_due ($1::timestamptz, $2::int)
  ),
  seen as materialized (
    select
      w.id,
      w.name,
      w.owner_id,
      w.organization_id,
      w.template_id,
      w.latest_build_number,
      w.latest_job_status,
      t.time_til_dormant_autodelete_ms,
      coalesce(
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
        and asked.id is null,
        false
      ) as must_ask
    from
      due
      -- The planner expects a case to hold for half of the rows. It would expect the bare condition
      -- to hold for almost none.
      join workspaces w on w.id = due.id
      and case
        when w.ctid = due.row_version then true
        else false
      end
      join templates t on t.id = w.template_id
      left join workspace_builds b on b.id = w.latest_build_id
      left join unnest($3::uuid[], $4::uuid[], $5::text[], $6::int[]) as asked (id, build_id, schedule, allowed_days) on asked.id = w.id
      and asked.build_id = w.latest_build_id
      and asked.schedule = w.autostart_schedule
      and asked.allowed_days = t.autostart_days
  ),
  rules as materialized (
    select
      r.*
    from
      seen
      join lifecycle_rules r on r.workspace_id = seen.id
    where
      r.due_at is not null
  ),
  firing as materialized (
    select distinct
      on (workspace_id) *
    from
      rules
    where
      due_at <= $7::timestamptz
    order by
      workspace_id,
      precedence
  ),
  supply as materialized (
    select
      v.id as version_id,
      vj.job_status = 'succeeded' as is_ready,
      exists (
        select
        from
          provisioner_daemons d
        where
          d.organization_id = v.organization_id
          and d.last_seen_at >= $8::timestamptz
          and tags_match (vj.tags, d.tags)
      ) as is_alive
    from
      (
        select distinct
          template_version_id
        from
          firing
        where
          transition is not null
      ) f
      join template_versions v on v.id = f.template_version_id
      join provisioner_jobs vj on vj.id = v.job_id
  ),
  judged as materialized (
    select
      f.*,
      b.template_version_id as last_version_id,
      b.provisioner_state,
      b.template_version_preset_id,
      b.deadline,
      c.parameters as carried,
      case block.name
        when 'not_prepared' then case
          when c.workspace_id is null then 'not_prepared'
          when c.parameters is null then 'parameter'
        end
        else block.name
      end as blocked_by
    from
      firing f
      join workspace_builds b on b.id = f.build_id
      left join supply s on s.version_id = f.template_version_id
      cross join lateral (
        select
          rule_block (
            f.job_status,
            f.rule,
            f.due_at,
            f.transition,
            stable_hash (f.workspace_id::text) % $9::int = any ($10::int[]),
            s.is_ready,
            s.is_alive,
            f.template_version_id <> b.template_version_id,
            $11::timestamptz
          ) as name
      ) block
      left join jsonb_to_recordset($12::jsonb) as c (workspace_id uuid, build_id uuid, template_version_id uuid, parameters jsonb) on c.workspace_id = f.workspace_id
      and c.build_id = f.build_id
      and c.template_version_id = f.template_version_id
  ),
  acting as materialized (
    select
      *
    from
      judged
    where
      blocked_by is null
  ),
  requests as materialized (
    select
      (a.workspace_id)::uuid as "workspace_id",
      (w.organization_id)::uuid as "organization_id",
      (gen_random_uuid())::uuid as "build_id",
      (gen_random_uuid())::uuid as "job_id",
      (w.latest_build_number + 1)::int as "build_number",
      (a.transition)::text as "transition",
      (a.reason)::text as "reason",
      (w.owner_id)::uuid as "initiator_id",
      (a.template_version_id)::uuid as "template_version_id",
      (
        case
          when a.template_version_id = a.last_version_id then a.template_version_preset_id
        end
      )::uuid as "preset_id",
      (a.provisioner_state)::bytea as "state",
      (v.file_id)::uuid as "file_id",
      (t.provisioner)::text as "provisioner",
      (vj.tags)::jsonb as "tags",
      ('{}'::jsonb)::jsonb as "input",
      (null)::jsonb as "on_success",
      (coalesce(a.carried, p.parameters, '[]'))::jsonb as "parameters"
    from
      acting a
      join seen w on w.id = a.workspace_id
      join templates t on t.id = w.template_id
      join template_versions v on v.id = a.template_version_id
      join provisioner_jobs vj on vj.id = v.job_id
      left join lateral (
        select
          jsonb_agg(
            jsonb_build_object(
              'name',
              p.name,
              'value',
              case
                when d.ephemeral then d.default_value
                else p.value
              end
            )
          ) as parameters
        from
          workspace_build_parameters p
          left join template_version_parameters d on d.template_version_id = a.last_version_id
          and d.name = p.name
        where
          p.workspace_build_id = a.build_id
      ) p on a.carried is null
    where
      a.transition is not null
  ),
  builds as (
    insert into
      workspace_builds (
        id,
        workspace_id,
        template_version_id,
        build_number,
        transition,
        initiator_id,
        job_id,
        reason,
        provisioner_state,
        template_version_preset_id,
        on_success,
        created_at,
        updated_at
      )
    select
      r.build_id,
      r.workspace_id,
      r.template_version_id,
      r.build_number,
      r.transition,
      r.initiator_id,
      r.job_id,
      r.reason,
      r.state,
      r.preset_id,
      r.on_success,
      $13::timestamptz,
      $14::timestamptz
    from
      requests r
    on conflict do nothing
    returning
      id,
      workspace_id,
      build_number,
      job_id,
      transition,
      reason
  ),
  jobs as (
    insert into
      provisioner_jobs (
        id,
        organization_id,
        initiator_id,
        type,
        provisioner,
        engine,
        file_id,
        input,
        tags,
        created_at,
        updated_at
      )
    select
      r.job_id,
      r.organization_id,
      r.initiator_id,
      'workspace_build',
      r.provisioner,
      (
        select
          i.engine
        from
          template_versions v
          join provisioner_jobs i on i.id = v.job_id
        where
          v.id = r.template_version_id
      ),
      r.file_id,
      r.input || jsonb_build_object('workspace_build_id', r.build_id),
      r.tags,
      $15::timestamptz,
      $16::timestamptz
    from
      requests r
    where
      (
        r.build_id in (
          select
            id
          from
            builds
        )
      ) is true
    returning
      id,
      organization_id,
      provisioner,
      tags
  ),
  parameters as (
    insert into
      workspace_build_parameters (workspace_build_id, name, value)
    select
      r.build_id,
      p.name,
      p.value
    from
      requests r,
      jsonb_to_recordset(r.parameters) as p (name text, value text)
    where
      (
        r.build_id in (
          select
            id
          from
            builds
        )
      ) is true
    returning
      workspace_build_id
  ),
  done as materialized (
    select
      a.*,
      $17::timestamptz as acted_at,
      w.name,
      w.owner_id,
      w.organization_id,
      w.template_id,
      b.id as new_build_id,
      w.time_til_dormant_autodelete_ms,
      case
        when w.time_til_dormant_autodelete_ms > 0 then instant_after ($18::timestamptz, w.time_til_dormant_autodelete_ms)
      end as new_deleting_at
    from
      acting a
      join seen w on w.id = a.workspace_id
      -- A full join, although each build has its rule: the planner never makes a full join by a
      -- nested loop (see insertBuilds).
      full join builds b on b.workspace_id = a.workspace_id
    where
      a.transition is null
      or b.id is not null
  ),
  reminded as (
    update workspace_builds b
    set
      notified_autostop_deadline = b.deadline,
      updated_at = $19::timestamptz
    from
      done
    where
      done.rule = 'reminder'
      and b.id = done.build_id
    returning
      b.id
  ),
  later as materialized (
    select
      workspace_id,
      min(due_at) as due_at
    from
      rules
    where
      due_at > $20::timestamptz
    group by
      workspace_id
  ),
  bounds as materialized (
    select
      seen.id,
      case
        when seen.must_ask
        or done.rule = 'dormancy' then '-infinity'
        when seen.latest_job_status is null
        or job_is_active (seen.latest_job_status) then 'infinity'
        when j.blocked_by = 'not_prepared' then '-infinity'
        else least(
          case j.blocked_by
            when 'usage_not_flushed' then $21::timestamptz
            when 'no_provisioner' then $22::timestamptz
            when 'version_not_ready' then $23::timestamptz
            when 'parameter' then $24::timestamptz
          end,
          later.due_at,
          '9999-12-31T00:00:00Z'::timestamptz
        )
      end as check_at
    from
      seen
      left join later on later.workspace_id = seen.id
      left join judged j on j.workspace_id = seen.id
      left join done on done.workspace_id = seen.id
    where
      done.new_build_id is null
      or done.rule = 'dormancy'
  ),
  moved as (
    update workspaces w
    set
      check_at = bounds.check_at,
      dormant_at = case
        when done.rule = 'dormancy' then $25::timestamptz
        else w.dormant_at
      end,
      deleting_at = case
        when done.rule = 'dormancy' then done.new_deleting_at
        else w.deleting_at
      end
    from
      bounds
      left join done on done.workspace_id = bounds.id
    where
      w.id = bounds.id
      and not (
        done.workspace_id is null
        and exists (
          select
          from
            acting a
          where
            a.workspace_id = bounds.id
        )
      )
    returning
      w.id
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
      done.owner_id,
      done.organization_id,
      $28,
      $29,
      $30,
      done.workspace_id,
      done.name,
      $31,
      $32::jsonb,
      $33::int,
      jsonb_build_object('automatic_actor', 'coder', 'automatic_subsystem', 'autobuild')
    from
      done
    where
      rule = 'dormancy'
  ),
  notified_dormant as (
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
      'dormant:' || done.workspace_id || ':' || extract(
        epoch
        from
          done.acted_at
      ),
      $34::uuid,
      done.owner_id,
      jsonb_strip_nulls(
        jsonb_build_object(
          'name',
          done.name,
          'reason',
          'inactivity exceeded the dormancy threshold',
          'timeTilDelete',
          case
            when done.new_deleting_at is not null then relative_time (done.time_til_dormant_autodelete_ms)
          end
        )
      ),
      array[done.workspace_id, done.owner_id, done.template_id, done.organization_id],
      $35,
      $36::timestamptz,
      $37::timestamptz
    from
      done
    where
      rule = 'dormancy'
    on conflict (idempotency_key) do nothing
  ),
  notified_reminder as (
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
      'autostop-reminder:' || done.build_id || ':' || extract(
        epoch
        from
          done.deadline
      ),
      $38::uuid,
      done.owner_id,
      jsonb_build_object(
        'workspace',
        done.name,
        'deadline',
        to_char(done.deadline at time zone 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS "UTC"')
      ),
      array[done.workspace_id, done.owner_id, done.template_id, done.organization_id],
      $39,
      $40::timestamptz,
      $41::timestamptz
    from
      done
      join reminded on reminded.id = done.build_id
    on conflict (idempotency_key) do nothing
  ),
  notified_updated as (
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
      'auto-updated:' || done.new_build_id,
      $42::uuid,
      done.owner_id,
      jsonb_build_object(
        'name',
        done.name,
        'initiator',
        'autobuild',
        'reason',
        done.reason,
        'template_version_name',
        v.name,
        'template_version_message',
        case
          when btrim(v.message) = '' then 'None provided'
          else v.message
        end
      ),
      array[done.workspace_id, done.owner_id, done.template_id, done.organization_id],
      $43,
      $44::timestamptz,
      $45::timestamptz
    from
      done
      join template_versions v on v.id = done.template_version_id
    where
      done.rule = 'autostart'
      and done.template_version_id <> done.last_version_id
    on conflict (idempotency_key) do nothing
  )
select
  (
    select
      count(*)::int
    from
      due
  ) as taken,
  (
    select
      coalesce(jsonb_object_agg(rule, n), '{}')
    from
      (
        select
          rule,
          count(*) as n
        from
          done
        group by
          rule
      ) d
  ) as done,
  (
    select
      coalesce(jsonb_object_agg(blocked_by, n), '{}')
    from
      (
        select
          blocked_by,
          count(*) as n
        from
          judged
        where
          blocked_by is not null
        group by
          blocked_by
      ) d
  ) as waiting,
  (
    select
      count(*)::int
    from
      moved
  ) as moved,
  (
    select
      coalesce(jsonb_agg(workspace_id), '[]')
    from
      done
    where
      rule <> 'reminder'
  ) as changed,
  (
    select
      coalesce(jsonb_agg(d), '[]')
    from
      (
        select
          organization_id,
          provisioner,
          tags,
          count(*)::int as count
        from
          jobs
        group by
          1,
          2,
          3
      ) d
  ) as jobs
