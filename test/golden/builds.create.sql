with
  locked as (
    select
      w.id,
      w.name,
      w.organization_id,
      w.latest_build_id,
      w.latest_build_number,
      w.dormant_at is not null as is_dormant
    from
      workspaces w
      join templates t on t.id = w.template_id
    where
      w.id = $1::uuid
      and w.latest_build_number = $2::int
      and (
        w.latest_job_status is null
        or not job_is_active (w.latest_job_status)
      )
      and (
        not w.deleted
        or $3
      )
      and (
        case
          when w.dormant_at is null then (
            (
              (
                select
                  actor_has_site_role ($4::text[])
              )
              or w.organization_id = any (
                (
                  select
                    actor_organizations ($5::text[])
                )::uuid[]
              )
              or (
                w.owner_id = (
                  select
                    actor_id ()
                )
                and (
                  select
                    actor_has_site_role ($6::text[])
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
                      actor_organizations ($7::text[])
                  )::uuid[]
                )
              )
            )
            and (
              select
                actor_has_scope ($8::text[])
            )
            and (
              (
                select
                  actor_allow_list_has ($9::text[])
              )
              or actor_allow_list_has (array[$10::text || ':' || w.id, '*:' || w.id])
            )
          )
          else (
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
                and w.organization_id = any (
                  (
                    select
                      actor_organizations ($13::text[])
                  )::uuid[]
                )
              )
            )
            and (
              select
                actor_has_scope ($14::text[])
            )
            and (
              (
                select
                  actor_allow_list_has ($15::text[])
              )
              or actor_allow_list_has (array[$16::text || ':' || w.id, '*:' || w.id])
            )
          )
        end
      )
      and t.active_version_id = $17::uuid
      and t.require_active_version = $18::boolean
    for update of
      w
  ),
  woken as (
    update workspaces w
    set
      dormant_at = null,
      deleting_at = null,
      last_used_at = greatest(w.last_used_at, $19::timestamptz),
      updated_at = $20::timestamptz
    from
      locked l
    where
      $21
      and w.id = l.id
      and l.is_dormant
    returning
      w.id,
      w.name,
      w.organization_id
  ),
  requests as (
    select
      (l.id)::uuid as "workspace_id",
      (l.organization_id)::uuid as "organization_id",
      ($22)::uuid as "build_id",
      ($23)::uuid as "job_id",
      (l.latest_build_number + 1)::int as "build_number",
      ($24)::text as "transition",
      ($25)::text as "reason",
      (actor_id ())::uuid as "initiator_id",
      ($26)::uuid as "template_version_id",
      ($27)::uuid as "preset_id",
      (
        (
          select
            p.provisioner_state
          from
            workspace_builds p
          where
            p.id = l.latest_build_id
        )
      )::bytea as "state",
      ($28)::uuid as "file_id",
      ($29)::text as "provisioner",
      ($30::jsonb)::jsonb as "tags",
      ($31::jsonb)::jsonb as "input",
      (null)::jsonb as "on_success",
      ($32::jsonb)::jsonb as "parameters"
    from
      locked l
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
      $33::timestamptz,
      $34::timestamptz
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
      $35::timestamptz,
      $36::timestamptz
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
  noticed_update as (
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
      'workspace-updated:' || b.id || ':' || a.id,
      $37::uuid,
      a.id,
      jsonb_build_object(
        'organization',
        o.name,
        'initiator',
        i.username,
        'workspace',
        w.name,
        'template',
        t.name,
        'version',
        v.name
      ),
      array[w.id, w.owner_id, w.template_id, w.organization_id],
      $38,
      $39::timestamptz,
      $40::timestamptz
    from
      builds b
      join workspaces w on w.id = b.workspace_id
      join templates t on t.id = w.template_id
      join organizations o on o.id = w.organization_id
      join template_versions v on v.id = $41::uuid
      join users i on i.id = actor_id ()
      join organization_members m on m.organization_id = w.organization_id
      join users a on a.id = m.user_id
      and not a.deleted
      and a.status <> 'suspended'
      and (
        'template-admin' = any (a.site_roles)
        or 'organization-template-admin' = any (m.roles)
      )
    where
      a.id <> i.id
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
      $42::timestamptz,
      $43,
      actor_id (),
      k.organization_id,
      $44,
      $45,
      $46,
      k.id,
      k.name,
      $47,
      $48::jsonb,
      $49::int,
      $50::jsonb
    from
      woken k
  )
select
  b.id,
  j.organization_id,
  j.provisioner,
  j.tags
from
  builds b
  join jobs j on j.id = b.job_id
