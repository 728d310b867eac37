with
  before as (
    select
      t.*
    from
      templates t
    where
      t.id = $1::uuid
      and not t.deleted
      and (
        (
          (
            select
              actor_has_site_role ($2::text[])
          )
          or t.organization_id = any (
            (
              select
                actor_organizations ($3::text[])
            )::uuid[]
          )
        )
        and (
          select
            actor_has_scope ($4::text[])
        )
        and (
          (
            select
              actor_allow_list_has ($5::text[])
          )
          or actor_allow_list_has (array[$6::text || ':' || t.id, '*:' || t.id])
        )
      )
    for update
  ),
  wanted as (
    select
      b.id,
      coalesce($7::text, b.name) as name,
      coalesce(::bigint, b."default_ttl_ms") as "default_ttl_ms",
      coalesce(::boolean, b."allow_user_autostart") as "allow_user_autostart",
      coalesce(::boolean, b."allow_user_autostop") as "allow_user_autostop",
      coalesce(::text, b."display_name") as "display_name",
      coalesce(::text, b."description") as "description",
      coalesce(::text, b."icon") as "icon",
      coalesce(::bigint, b."activity_bump_ms") as "activity_bump_ms",
      coalesce(::bigint, b."time_til_autostop_notify_ms") as "time_til_autostop_notify_ms",
      coalesce(::boolean, b."allow_user_cancel_workspace_jobs") as "allow_user_cancel_workspace_jobs",
      coalesce(::bigint, b."failure_ttl_ms") as "failure_ttl_ms",
      coalesce(::boolean, b."require_active_version") as "require_active_version",
      coalesce(::text, b."max_port_share_level") as "max_port_share_level",
      coalesce(::text, b."cors_behavior") as "cors_behavior",
      coalesce(::boolean, b."disable_everyone_group_access") as "disable_everyone_group_access",
      coalesce(::bigint, b."time_til_dormant_ms") as "time_til_dormant_ms",
      coalesce(::bigint, b."time_til_dormant_autodelete_ms") as "time_til_dormant_autodelete_ms",
      coalesce(::text, b."deprecation_message") as "deprecation_message",
      coalesce(::boolean, b."disable_module_cache") as "disable_module_cache",
      coalesce(::int, b."autostop_requirement_days") as "autostop_requirement_days",
      coalesce(::int, b."autostart_days") as "autostart_days",
      coalesce(::int, b."autostop_requirement_weeks") as "autostop_requirement_weeks"
    from
      before b
  ),
  after as (
    update templates t
    set
      name = w.name,
      "default_ttl_ms" = w."default_ttl_ms",
      "allow_user_autostart" = w."allow_user_autostart",
      "allow_user_autostop" = w."allow_user_autostop",
      "display_name" = w."display_name",
      "description" = w."description",
      "icon" = w."icon",
      "activity_bump_ms" = w."activity_bump_ms",
      "time_til_autostop_notify_ms" = w."time_til_autostop_notify_ms",
      "allow_user_cancel_workspace_jobs" = w."allow_user_cancel_workspace_jobs",
      "failure_ttl_ms" = w."failure_ttl_ms",
      "require_active_version" = w."require_active_version",
      "max_port_share_level" = w."max_port_share_level",
      "cors_behavior" = w."cors_behavior",
      "disable_everyone_group_access" = w."disable_everyone_group_access",
      "time_til_dormant_ms" = w."time_til_dormant_ms",
      "time_til_dormant_autodelete_ms" = w."time_til_dormant_autodelete_ms",
      "deprecation_message" = w."deprecation_message",
      "disable_module_cache" = w."disable_module_cache",
      "autostop_requirement_days" = w."autostop_requirement_days",
      "autostart_days" = w."autostart_days",
      "autostop_requirement_weeks" = w."autostop_requirement_weeks",
      updated_at = $8::timestamptz,
      schedule_changed_at = case
        when (
          (
            b."default_ttl_ms",
            b."allow_user_autostart",
            b."allow_user_autostop",
            b."autostop_requirement_days",
            b."autostart_days",
            b."autostop_requirement_weeks"
          ) is distinct from (
            w."default_ttl_ms",
            w."allow_user_autostart",
            w."allow_user_autostop",
            w."autostop_requirement_days",
            w."autostart_days",
            w."autostop_requirement_weeks"
          )
        ) then greatest($9::timestamptz, b.schedule_changed_at + interval '1 millisecond')
        else b.schedule_changed_at
      end,
      schedule_changed_starts = b.schedule_changed_starts
      or w.autostart_days <> b.autostart_days,
      schedule_followed_to = case
        when not (
          (
            b."default_ttl_ms",
            b."allow_user_autostart",
            b."allow_user_autostop",
            b."autostop_requirement_days",
            b."autostart_days",
            b."autostop_requirement_weeks"
          ) is distinct from (
            w."default_ttl_ms",
            w."allow_user_autostart",
            w."allow_user_autostop",
            w."autostop_requirement_days",
            w."autostart_days",
            w."autostop_requirement_weeks"
          )
        ) then b.schedule_followed_to
      end
    from
      before b,
      wanted w
    where
      t.id = b.id
      and w.id = b.id
    returning
      t.*
  ),
  followed as (
    update workspaces w
    set
      ttl_ms = case
        when (
          not a.allow_user_autostop
          and not w.deleted
          and w.owner_id <> prebuilds_user_id ()
          and (
            b.allow_user_autostop
            or a.default_ttl_ms <> b.default_ttl_ms
          )
        ) then nullif(a.default_ttl_ms, 0)
        else w.ttl_ms
      end,
      dormant_at = case
        when (
          w.dormant_at is not null
          and not w.deleted
          and w.owner_id <> prebuilds_user_id ()
          and (
            $10::boolean
            or a.time_til_dormant_autodelete_ms <> b.time_til_dormant_autodelete_ms
          )
        ) then $11::timestamptz
        else w.dormant_at
      end,
      deleting_at = case
        when not (
          w.dormant_at is not null
          and not w.deleted
          and w.owner_id <> prebuilds_user_id ()
          and (
            $12::boolean
            or a.time_til_dormant_autodelete_ms <> b.time_til_dormant_autodelete_ms
          )
        ) then w.deleting_at
        when a.time_til_dormant_autodelete_ms > 0 then instant_after ($13::timestamptz, a.time_til_dormant_autodelete_ms)
      end,
      last_used_at = case
        when $14::boolean then greatest(w.last_used_at, $15::timestamptz)
        else w.last_used_at
      end
    from
      "before" b,
      "after" a,
      workspaces o
    where
      w.template_id = a.id
      and w.id = o.id
      and b.id = a.id
      and (
        (
          not a.allow_user_autostop
          and not w.deleted
          and w.owner_id <> prebuilds_user_id ()
          and (
            b.allow_user_autostop
            or a.default_ttl_ms <> b.default_ttl_ms
          )
        )
        or (
          w.dormant_at is not null
          and not w.deleted
          and w.owner_id <> prebuilds_user_id ()
          and (
            $16::boolean
            or a.time_til_dormant_autodelete_ms <> b.time_til_dormant_autodelete_ms
          )
        )
        or $17::boolean
      )
    returning
      w.id,
      w.name,
      w.owner_id,
      w.template_id,
      w.organization_id,
      w.deleting_at,
      w.deleting_at is not null
      and w.deleting_at is distinct from o.deleting_at as is_marked
  ),
  notified_owners as (
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
      'marked-for-deletion:' || f.id || ':' || extract(
        epoch
        from
          f.deleting_at
      ),
      $18::uuid,
      f.owner_id,
      jsonb_build_object(
        'name',
        f.name,
        'reason',
        'an update to the template''s dormancy',
        'timeTilDormant',
        relative_time (
          (
            extract(
              epoch
              from
                f.deleting_at - $19::timestamptz
            ) * 1000
          )::bigint
        )
      ),
      array[f.id, f.owner_id, f.template_id, f.organization_id],
      $20,
      $21::timestamptz,
      $22::timestamptz
    from
      followed f
    where
      f.is_marked
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
      $23::timestamptz,
      $24,
      actor_id (),
      t.organization_id,
      $25,
      $26,
      $27,
      t.id,
      t.name,
      $28,
      t.diff,
      $29::int,
      $30::jsonb
    from
      (
        select
          a.id,
          a.name,
          a.organization_id,
          jsonb_strip_nulls(
            jsonb_build_object(
              $31::text,
              case
                when a."name" is distinct from b."name" then jsonb_build_object('old', b."name", 'new', a."name", 'secret', false)
              end,
              $32::text,
              case
                when a."default_ttl_ms" is distinct from b."default_ttl_ms" then jsonb_build_object('old', b."default_ttl_ms", 'new', a."default_ttl_ms", 'secret', false)
              end,
              $33::text,
              case
                when a."allow_user_autostart" is distinct from b."allow_user_autostart" then jsonb_build_object('old', b."allow_user_autostart", 'new', a."allow_user_autostart", 'secret', false)
              end,
              $34::text,
              case
                when a."allow_user_autostop" is distinct from b."allow_user_autostop" then jsonb_build_object('old', b."allow_user_autostop", 'new', a."allow_user_autostop", 'secret', false)
              end,
              $35::text,
              case
                when a."display_name" is distinct from b."display_name" then jsonb_build_object('old', b."display_name", 'new', a."display_name", 'secret', false)
              end,
              $36::text,
              case
                when a."description" is distinct from b."description" then jsonb_build_object('old', b."description", 'new', a."description", 'secret', false)
              end,
              $37::text,
              case
                when a."icon" is distinct from b."icon" then jsonb_build_object('old', b."icon", 'new', a."icon", 'secret', false)
              end,
              $38::text,
              case
                when a."activity_bump_ms" is distinct from b."activity_bump_ms" then jsonb_build_object('old', b."activity_bump_ms", 'new', a."activity_bump_ms", 'secret', false)
              end,
              $39::text,
              case
                when a."time_til_autostop_notify_ms" is distinct from b."time_til_autostop_notify_ms" then jsonb_build_object(
                  'old',
                  b."time_til_autostop_notify_ms",
                  'new',
                  a."time_til_autostop_notify_ms",
                  'secret',
                  false
                )
              end,
              $40::text,
              case
                when a."allow_user_cancel_workspace_jobs" is distinct from b."allow_user_cancel_workspace_jobs" then jsonb_build_object(
                  'old',
                  b."allow_user_cancel_workspace_jobs",
                  'new',
                  a."allow_user_cancel_workspace_jobs",
                  'secret',
                  false
                )
              end,
              $41::text,
              case
                when a."failure_ttl_ms" is distinct from b."failure_ttl_ms" then jsonb_build_object('old', b."failure_ttl_ms", 'new', a."failure_ttl_ms", 'secret', false)
              end,
              $42::text,
              case
                when a."require_active_version" is distinct from b."require_active_version" then jsonb_build_object('old', b."require_active_version", 'new', a."require_active_version", 'secret', false)
              end,
              $43::text,
              case
                when a."max_port_share_level" is distinct from b."max_port_share_level" then jsonb_build_object('old', b."max_port_share_level", 'new', a."max_port_share_level", 'secret', false)
              end,
              $44::text,
              case
                when a."cors_behavior" is distinct from b."cors_behavior" then jsonb_build_object('old', b."cors_behavior", 'new', a."cors_behavior", 'secret', false)
              end,
              $45::text,
              case
                when a."disable_everyone_group_access" is distinct from b."disable_everyone_group_access" then jsonb_build_object(
                  'old',
                  b."disable_everyone_group_access",
                  'new',
                  a."disable_everyone_group_access",
                  'secret',
                  false
                )
              end,
              $46::text,
              case
                when a."time_til_dormant_ms" is distinct from b."time_til_dormant_ms" then jsonb_build_object('old', b."time_til_dormant_ms", 'new', a."time_til_dormant_ms", 'secret', false)
              end,
              $47::text,
              case
                when a."time_til_dormant_autodelete_ms" is distinct from b."time_til_dormant_autodelete_ms" then jsonb_build_object(
                  'old',
                  b."time_til_dormant_autodelete_ms",
                  'new',
                  a."time_til_dormant_autodelete_ms",
                  'secret',
                  false
                )
              end,
              $48::text,
              case
                when a."deprecation_message" is distinct from b."deprecation_message" then jsonb_build_object('old', b."deprecation_message", 'new', a."deprecation_message", 'secret', false)
              end,
              $49::text,
              case
                when a."disable_module_cache" is distinct from b."disable_module_cache" then jsonb_build_object('old', b."disable_module_cache", 'new', a."disable_module_cache", 'secret', false)
              end,
              $50::text,
              case
                when a."autostop_requirement_days" is distinct from b."autostop_requirement_days" then jsonb_build_object(
                  'old',
                  b."autostop_requirement_days",
                  'new',
                  a."autostop_requirement_days",
                  'secret',
                  false
                )
              end,
              $51::text,
              case
                when a."autostart_days" is distinct from b."autostart_days" then jsonb_build_object('old', b."autostart_days", 'new', a."autostart_days", 'secret', false)
              end,
              $52::text,
              case
                when a."autostop_requirement_weeks" is distinct from b."autostop_requirement_weeks" then jsonb_build_object(
                  'old',
                  b."autostop_requirement_weeks",
                  'new',
                  a."autostop_requirement_weeks",
                  'secret',
                  false
                )
              end
            )
          ) as diff
        from
          before b,
          after a
      ) t
  )
select
  a.id,
  a.schedule_changed_at is not null as must_follow
from
  after a
