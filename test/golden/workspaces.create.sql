with
  template as (
    select
      t.id,
      t.organization_id
    from
      templates t
    where
      t.id = $1::uuid
      and not t.deleted
      and t.deprecation_message = ''
      and (t.autostart_days, t.default_ttl_ms) = ($2::int, $3::bigint)
    for share
  ),
  picked_prebuild as (
    select
      w.id,
      w.name as pool_name,
      w.organization_id,
      w.template_id,
      w.latest_build_id,
      w.latest_build_number
    from
      template_version_presets p
      join template_versions v on v.id = p.template_version_id
      join templates t on t.id = v.template_id
      and t.active_version_id = v.id
      and not t.deleted
      join workspaces w on w.template_id = t.id
      join workspace_builds b on b.id = w.latest_build_id
      and b.template_version_id = v.id
    where
      p.id = ($4::uuid)::uuid
      and w.owner_id = prebuilds_user_id ()
      and not w.deleted
      and w.latest_transition = 'start'
      and w.latest_job_status = 'succeeded'
      and (
        p.last_invalidated_at is null
        or w.created_at >= p.last_invalidated_at
      )
      and (
        coalesce(p.invalidate_after_secs, 0) <= 0
        or w.created_at >= $5::timestamptz - make_interval(secs => p.invalidate_after_secs)
      )
      and p.id = (
        select
          c.template_version_preset_id
        from
          workspace_builds c
        where
          c.workspace_id = w.id
          and c.template_version_preset_id is not null
        order by
          c.build_number desc
        limit
          1
      )
      and (
        select
          bool_and(a.lifecycle_state = 'ready')
        from
          workspace_agents a
        where
          a.build_id = w.latest_build_id
          and not a.deleted
      )
    limit
      1
    for update of
      w skip locked
  ),
  revoked_pool_keys as (
    delete from api_keys k using picked_prebuild p
    where
      k.workspace_id = p.id
  ),
  claimed as (
    update workspaces w
    set
      owner_id = $6::uuid,
      name = $7,
      updated_at = $8::timestamptz,
      autostart_schedule =::text,
      next_start_at =::timestamptz,
      ttl_ms =::bigint,
      last_used_at = $9::timestamptz,
      dormant_at = null,
      deleting_at = null,
      automatic_updates = $10
    from
      picked_prebuild p
      join template t on t.id = p.template_id
    where
      w.id = p.id
      and $11::boolean
    returning
      w.id,
      w.name,
      w.organization_id,
      p.latest_build_id,
      p.latest_build_number
  ),
  inserted as (
    insert into
      workspaces (
        id,
        owner_id,
        organization_id,
        template_id,
        name,
        autostart_schedule,
        next_start_at,
        ttl_ms,
        automatic_updates,
        last_used_at,
        created_at,
        updated_at
      )
    select
      $12::uuid,
      $13::uuid,
      t.organization_id,
      t.id,
      $14,
::text,
::timestamptz,
::bigint,
      $15,
      $16::timestamptz,
      $17::timestamptz,
      $18::timestamptz
    from
      template t
    where
      not exists (
        select
          1
        from
          picked_prebuild
      )
    returning
      id,
      name,
      organization_id
  ),
  made as (
    select
      c.id,
      c.name,
      c.organization_id,
      c.latest_build_number,
      b.provisioner_state as state,
      $19::jsonb as input,
      $20::jsonb as parameters
    from
      claimed c
      join workspace_builds b on b.id = c.latest_build_id
    union all
    select
      i.id,
      i.name,
      i.organization_id,
      0,
      null::bytea,
      $21::jsonb,
      $22::jsonb
    from
      inserted i
  ),
  requests as (
    select
      (m.id)::uuid as "workspace_id",
      (m.organization_id)::uuid as "organization_id",
      ($23)::uuid as "build_id",
      ($24)::uuid as "job_id",
      (m.latest_build_number + 1)::int as "build_number",
      ('start')::text as "transition",
      ('initiator')::text as "reason",
      (actor_id ())::uuid as "initiator_id",
      ($25)::uuid as "template_version_id",
      ($26)::uuid as "preset_id",
      (m.state)::bytea as "state",
      ($27)::uuid as "file_id",
      ()::text as "provisioner",
      ($28::jsonb)::jsonb as "tags",
      (m.input)::jsonb as "input",
      (null)::jsonb as "on_success",
      (m.parameters)::jsonb as "parameters"
    from
      made m
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
      $29::timestamptz,
      $30::timestamptz
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
      $31::timestamptz,
      $32::timestamptz
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
  audited_workspace as (
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
      $33::timestamptz,
      $34,
      actor_id (),
      m.organization_id,
      $35,
      $36,
      $37,
      m.id,
      m.name,
      $38,
      $39::jsonb,
      $40::int,
      $41::jsonb
    from
      made m
  ),
  audited_build as (
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
      $42::timestamptz,
      $43,
      actor_id (),
      m.organization_id,
      $44,
      $45,
      $46,
      b.id,
      m.name,
      $47,
      $48::jsonb,
      $49::int,
      jsonb_build_object(
        'workspace_id',
        m.id,
        'workspace_name',
        m.name,
        'build_number',
        b.build_number::text,
        'build_reason',
        b.reason
      )
    from
      builds b
      join made m on m.id = b.workspace_id
  )
select
  (
    select
      m.id
    from
      made m
  ) as id,
  exists (
    select
      1
    from
      picked_prebuild
  ) as was_picked,
  exists (
    select
      1
    from
      claimed
  ) as is_claim
