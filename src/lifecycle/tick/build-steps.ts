// The builds of a batch: those requested, those made, and the rules that took effect.
import { sql } from "drizzle-orm"
import { insertBuilds, wantedBuild } from "../../builds/create/insert-builds.ts"
import { type Columns, step, type Step } from "../../platform/db/steps.ts"
import type { Acting, Judged, Seen } from "./judge-steps.ts"

type Requests = Columns<"requests", "workspace_id" | "build_id">

/**
 * A row per build that is wanted, as `insertBuilds` reads it. An ephemeral parameter returns to its
 * default.
 */
export const requests: Step<Acting | Judged | Seen, Requests> = step(sql`requests as materialized (
      select ${wantedBuild({
        workspace_id: sql`a.workspace_id`,
        organization_id: sql`w.organization_id`,
        build_id: sql`gen_random_uuid()`,
        job_id: sql`gen_random_uuid()`,
        build_number: sql`w.latest_build_number + 1`,
        transition: sql`a.transition`,
        reason: sql`a.reason`,
        initiator_id: sql`w.owner_id`,
        template_version_id: sql`a.template_version_id`,
        preset_id: sql`case when a.template_version_id = a.last_version_id
          then a.template_version_preset_id end`,
        state: sql`a.provisioner_state`,
        file_id: sql`v.file_id`,
        provisioner: sql`t.provisioner`,
        tags: sql`vj.tags`,
        input: sql`'{}'::jsonb`,
        parameters: sql`coalesce(a.carried, p.parameters, '[]')`,
      })}
      from acting a
      join seen w on w.id = a.workspace_id
      join templates t on t.id = w.template_id
      join template_versions v on v.id = a.template_version_id
      join provisioner_jobs vj on vj.id = v.job_id
      left join lateral (
        select jsonb_agg(jsonb_build_object('name', p.name, 'value',
          case when d.ephemeral then d.default_value else p.value end)) as parameters
        from workspace_build_parameters p
        left join template_version_parameters d
          on d.template_version_id = a.last_version_id and d.name = p.name
        where p.workspace_build_id = a.build_id
      ) p on a.carried is null
      where a.transition is not null
    )`)

type Builds =
  | Columns<"builds", "id" | "workspace_id">
  | Columns<"jobs", "organization_id" | "provisioner" | "tags">

export function builds(now: Date): Step<Requests, Builds> {
  return step(insertBuilds(sql`requests`, now))
}

export type Done = Columns<
  "done",
  | "workspace_id"
  | "rule"
  | "build_id"
  | "reason"
  | "template_version_id"
  | "last_version_id"
  | "deadline"
  | "acted_at"
  | "name"
  | "owner_id"
  | "organization_id"
  | "template_id"
  | "new_build_id"
  | "new_deleting_at"
  | "time_til_dormant_autodelete_ms"
>

/** The rules that took effect: those without a build, and those whose build was made. */
export function done(now: Date): Step<Acting | Judged | Seen | Builds, Done> {
  return step(sql`done as materialized (
      select a.*, ${now}::timestamptz as acted_at, w.name, w.owner_id, w.organization_id,
        w.template_id, b.id as new_build_id, w.time_til_dormant_autodelete_ms,
        case when w.time_til_dormant_autodelete_ms > 0
          then instant_after(${now}::timestamptz, w.time_til_dormant_autodelete_ms)
        end as new_deleting_at
      from acting a
      join seen w on w.id = a.workspace_id
      -- A full join, although each build has its rule: the planner never makes a full join by a
      -- nested loop (see insertBuilds).
      full join builds b on b.workspace_id = a.workspace_id
      where a.transition is null or b.id is not null
    )`)
}

export type Reminded = Columns<"reminded", "id">

/** The builds whose owners are reminded of this deadline, each once. */
export function reminded(now: Date): Step<Done, Reminded> {
  return step(sql`reminded as (
      update workspace_builds b
      set notified_autostop_deadline = b.deadline, updated_at = ${now}::timestamptz
      from done where done.rule = 'reminder' and b.id = done.build_id
      returning b.id
    )`)
}
