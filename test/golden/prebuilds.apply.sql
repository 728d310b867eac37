with
  changes as (
    select
      *
    from
      jsonb_to_recordset($1::jsonb) as c (preset_id uuid, pool_version bigint, creates jsonb, parameters jsonb, deletes jsonb)
  ),
  pools as (
    select
      p.id,
      p.template_version_id
    from
      template_version_presets p
      join changes c on c.preset_id = p.id
      and c.pool_version = p.pool_version
    order by
      p.id
    for update of
      p skip locked
  ),
  won as (
    update template_version_presets p
    set
      pool_version = p.pool_version + 1
    from
      pools
    where
      p.id = pools.id
    returning
      p.id
  ),
  creates as (
    select
      c.preset_id,
      c.parameters,
      w.*,
      v.id as template_version_id,
      v.file_id,
      t.id as template_id,
      t.organization_id,
      t.provisioner,
      j.tags
    from
      changes c
      join won on won.id = c.preset_id
      join template_version_presets p on p.id = c.preset_id
      join template_versions v on v.id = p.template_version_id
      join templates t on t.id = v.template_id
      and t.active_version_id = v.id
      and not t.deleted
      and t.deprecation_message = ''
      join provisioner_jobs j on j.id = v.job_id,
      jsonb_to_recordset(c.creates) as w (workspace_id uuid, name text, build_id uuid, job_id uuid)
  ),
  created as (
    insert into
      workspaces (id, owner_id, organization_id, template_id, name, created_at, updated_at, last_used_at)
    select
      workspace_id,
      prebuilds_user_id (),
      organization_id,
      template_id,
      name,
      $2::timestamptz,
      $3::timestamptz,
      $4::timestamptz
    from
      creates
    on conflict do nothing
    returning
      id
  ),
  doomed as (
    select
      c.preset_id,
      d.build_id,
      d.job_id,
      w.id as workspace_id,
      w.organization_id,
      w.latest_build_id,
      w.latest_build_number
    from
      changes c
      join won on won.id = c.preset_id,
      jsonb_to_recordset(c.deletes) as d (workspace_id uuid, build_id uuid, job_id uuid, is_running boolean),
      workspaces w
    where
      w.id = d.workspace_id
      and w.owner_id = prebuilds_user_id ()
      and not w.deleted
      and case
        when d.is_running then w.latest_transition = 'start'
        and w.latest_job_status = 'succeeded'
        else w.latest_job_status in ('failed', 'canceled')
        or (
          w.latest_transition = 'stop'
          and w.latest_job_status = 'succeeded'
        )
      end
    order by
      w.id
    for update of
      w skip locked
  ),
  requests as (
    select
      c.preset_id as pool_id,
      (c.workspace_id)::uuid as "workspace_id",
      (c.organization_id)::uuid as "organization_id",
      (c.build_id)::uuid as "build_id",
      (c.job_id)::uuid as "job_id",
      (1)::int as "build_number",
      ('start')::text as "transition",
      ('initiator')::text as "reason",
      (prebuilds_user_id ())::uuid as "initiator_id",
      (c.template_version_id)::uuid as "template_version_id",
      (c.preset_id)::uuid as "preset_id",
      (null)::bytea as "state",
      (c.file_id)::uuid as "file_id",
      (c.provisioner)::text as "provisioner",
      (
        case
          when c.tags ->> 'scope' = 'user' then c.tags || jsonb_build_object('owner', prebuilds_user_id ())
          else c.tags
        end
      )::jsonb as "tags",
      ($5::jsonb)::jsonb as "input",
      (null)::jsonb as "on_success",
      (c.parameters)::jsonb as "parameters"
    from
      creates c
      join created w on w.id = c.workspace_id
    union all
    select
      d.preset_id,
      (d.workspace_id)::uuid as "workspace_id",
      (d.organization_id)::uuid as "organization_id",
      (d.build_id)::uuid as "build_id",
      (d.job_id)::uuid as "job_id",
      (d.latest_build_number + 1)::int as "build_number",
      ('delete')::text as "transition",
      ('initiator')::text as "reason",
      (prebuilds_user_id ())::uuid as "initiator_id",
      (b.template_version_id)::uuid as "template_version_id",
      (null)::uuid as "preset_id",
      (
        coalesce(
          b.provisioner_state,
          (
            select
              s.provisioner_state
            from
              workspace_builds s
            where
              s.workspace_id = d.workspace_id
              and s.provisioner_state is not null
            order by
              s.build_number desc
            limit
              1
          )
        )
      )::bytea as "state",
      (v.file_id)::uuid as "file_id",
      (l.provisioner)::text as "provisioner",
      (l.tags)::jsonb as "tags",
      ($6::jsonb)::jsonb as "input",
      (null)::jsonb as "on_success",
      (
        coalesce(
          (
            select
              jsonb_agg(jsonb_build_object('name', p.name, 'value', p.value))
            from
              workspace_build_parameters p
            where
              p.workspace_build_id = b.id
          ),
          '[]'
        )
      )::jsonb as "parameters"
    from
      doomed d
      join workspace_builds b on b.id = d.latest_build_id
      join template_versions v on v.id = b.template_version_id
      join provisioner_jobs l on l.id = b.job_id
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
      $7::timestamptz,
      $8::timestamptz
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
      $9::timestamptz,
      $10::timestamptz
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
  )
select
  r.pool_id as preset_id,
  b.workspace_id,
  b.id as build_id,
  b.transition,
  j.organization_id,
  j.provisioner,
  j.tags
from
  builds b
  join requests r on r.build_id = b.id
  join jobs j on j.id = b.job_id
order by
  b.workspace_id
