// The write of one batch: what is due is decided and done in one statement, so that a tick that dies leaves no half of it.
import { sql, type SQL } from "drizzle-orm"
import { auditInsert, nilRequest } from "../../audit/fragment.ts"
import { insertBuilds, wantedBuild } from "../../builds/create/insert-builds.ts"
import { statement, type Statement } from "../../platform/db/client.ts"
import { json, texts, uuids } from "../../platform/db/sql.ts"
import { outboxInsert } from "../../notifications/fragment.ts"
import { notificationIds } from "../../notifications/templates.ts"
import { backoffMs, supplyCte, usageGraceEnd } from "../rules/blocks.ts"
import { takeDue } from "../rules/due.ts"
import { isNextStartOpen, type OpenNextStart } from "./prepare-statement.ts"

/** A start on another version: the values that it gets, or why there are none. */
export type Carry = {
  workspace_id: string
  build_id: string
  template_version_id: string
  parameters: { name: string; value: string }[] | null
}

export type BatchInput = {
  now: Date
  /** The most workspaces to take. */
  size: number
  /** Schedules that were asked for this batch; the rules may trust a next start that is still null for them. */
  asked: readonly OpenNextStart[]
  carries: readonly Carry[]
  /** Shards of the usage tracker that could not be flushed, and how many there are. */
  unflushed: { shards: readonly number[]; shardCount: number }
}

export type BatchResult = {
  taken: number
  /** Counts by rule of what was done, and by block of what waits. */
  done: Record<string, number>
  waiting: Record<string, number>
  moved: number
  /** Workspaces that changed, for their watchers, and jobs that were made, for the daemons. */
  changed: string[]
  jobs: {
    organization_id: string
    provisioner: string
    tags: Record<string, string>
    count: number
  }[]
}

/**
 * Takes a batch of due workspaces (index workspaces_check_at, rows locked, those that others hold skipped), applies to each
 * the first rule that is due and not blocked, and moves every bound.
 *
 * Precondition: a locked row is still the version that the statement's snapshot shows; otherwise it is left for the next
 * round. Twice or ten at once: a workspace is in one batch, and unique (workspace_id, build_number) is the second lock.
 * The workspace row is written by one CTE alone; what a build changes on it is written by the trigger, after the statement.
 */
export function runBatch(input: BatchInput): Statement<BatchResult> {
  const { now } = input
  return statement(
    "lifecycle.run-batch",
    sql`with ${takeDue(now, input.size)},
    seen as materialized (
      select w.id, w.name, w.owner_id, w.organization_id, w.template_id, w.latest_build_number, w.autostart_schedule, w.latest_job_status,
        t.autostart_days, t.time_til_dormant_autodelete_ms,
        coalesce(${isNextStartOpen} and asked.id is null, false) as must_ask
      from due
      -- In a case, which the planner expects to hold for half of the rows: by itself it is expected to hold for almost none.
      join workspaces w on w.id = due.id and case when w.ctid = due.row_version then true else false end
      join templates t on t.id = w.template_id
      left join workspace_builds b on b.id = w.latest_build_id
      left join unnest(${uuids(input.asked.map((open) => open.workspace_id))}, ${uuids(input.asked.map((open) => open.build_id))},
        ${texts(input.asked.map((open) => open.schedule))}, ${sql.param(input.asked.map((open) => open.allowed_days))}::int[])
        as asked (id, build_id, schedule, allowed_days) on asked.id = w.id and asked.build_id = w.latest_build_id
          and asked.schedule = w.autostart_schedule and asked.allowed_days = t.autostart_days
    ), rules as materialized (
      select r.* from seen join lifecycle_rules r on r.workspace_id = seen.id where r.due_at is not null
    ), firing as materialized (
      select distinct on (workspace_id) * from rules where due_at <= ${now}::timestamptz order by workspace_id, precedence
    ), ${supplyCte(now)}, judged as materialized (
      select f.*, b.template_version_id as last_version_id, b.provisioner_state, b.template_version_preset_id, b.deadline,
        c.parameters as carried,
        case
          when job_is_active(f.job_status) then 'build_in_progress'
          when ${isUsageUnknown(input)} then 'usage_not_flushed'
          when f.transition is null then null
          when not s.is_ready then 'version_not_ready'
          when not s.is_alive then 'no_provisioner'
          when f.template_version_id = b.template_version_id then null
          when c.workspace_id is null then 'not_prepared'
          when c.parameters is null then 'parameter'
        end as blocked_by
      from firing f
      join workspace_builds b on b.id = f.build_id
      left join supply s on s.version_id = f.template_version_id
      left join jsonb_to_recordset(${json(input.carries)}) as c (workspace_id uuid, build_id uuid, template_version_id uuid, parameters jsonb)
        on c.workspace_id = f.workspace_id and c.build_id = f.build_id and c.template_version_id = f.template_version_id
    ), acting as materialized (
      select * from judged where blocked_by is null
    ), requests as materialized (
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
        input: sql`'{}'`,
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
        left join template_version_parameters d on d.template_version_id = a.last_version_id and d.name = p.name
        where p.workspace_build_id = a.build_id
      ) p on a.carried is null
      where a.transition is not null
    ), ${insertBuilds(sql`requests`, now)}, done as materialized (
      select a.*, ${now}::timestamptz as acted_at, w.name, w.owner_id, w.organization_id, w.template_id, b.id as new_build_id,
        case when w.time_til_dormant_autodelete_ms > 0
          then instant_after(${now}::timestamptz, w.time_til_dormant_autodelete_ms) end as new_deleting_at,
        w.time_til_dormant_autodelete_ms
      from acting a
      join seen w on w.id = a.workspace_id
      -- Full, though no build is without its rule: only such a join is never made by a nested loop (see insertBuilds).
      full join builds b on b.workspace_id = a.workspace_id
      where a.transition is null or b.id is not null
    ), reminded as (
      update workspace_builds b set notified_autostop_deadline = b.deadline, updated_at = ${now}::timestamptz
      from done where done.rule = 'reminder' and b.id = done.build_id
      returning b.id
    ), later as materialized (
      select workspace_id, min(due_at) as due_at from rules where due_at > ${now}::timestamptz group by workspace_id
    ), bounds as materialized (
      select seen.id, case
          when seen.must_ask or done.rule = 'dormancy' then '-infinity'
          when seen.latest_job_status is null or job_is_active(seen.latest_job_status) then 'infinity'
          when j.blocked_by = 'not_prepared' then '-infinity'
          else least(${backoffCase(now)}, later.due_at, ${nothingInSight}) end as check_at
      from seen
      left join later on later.workspace_id = seen.id
      left join judged j on j.workspace_id = seen.id
      left join done on done.workspace_id = seen.id
      -- A build's trigger writes the bound. Where the build was not made after all, the workspace stays due.
      where done.new_build_id is null or done.rule = 'dormancy'
    ), moved as (
      update workspaces w set check_at = bounds.check_at,
        dormant_at = case when done.rule = 'dormancy' then ${now}::timestamptz else w.dormant_at end,
        deleting_at = case when done.rule = 'dormancy' then done.new_deleting_at else w.deleting_at end
      from bounds left join done on done.workspace_id = bounds.id
      where w.id = bounds.id and not (done.workspace_id is null and exists (
        select from acting a where a.workspace_id = bounds.id))
      returning w.id
    ), audited as (${auditInsert({ ...nilRequest, now }, dormancyAudit, sql`done where rule = 'dormancy'`)}
    ), told_dormant as (${outboxInsert(dormantMessage, sql`done where rule = 'dormancy'`, now)}
    ), told_reminder as (${outboxInsert(reminderMessage, sql`done join reminded on reminded.id = done.build_id`, now)}
    ), told_updated as (${outboxInsert(
      updatedMessage,
      sql`done join template_versions v on v.id = done.template_version_id
        where done.rule = 'autostart' and done.template_version_id <> done.last_version_id`,
      now,
    )})
    select (select count(*)::int from due) as taken,
      (select coalesce(jsonb_object_agg(rule, n), '{}') from (select rule, count(*) as n from done group by rule) d) as done,
      (select coalesce(jsonb_object_agg(blocked_by, n), '{}') from (
        select blocked_by, count(*) as n from judged where blocked_by is not null group by blocked_by) d) as waiting,
      (select count(*)::int from moved) as moved,
      (select coalesce(jsonb_agg(workspace_id), '[]') from done where rule <> 'reminder') as changed,
      (select coalesce(jsonb_agg(d), '[]') from (
        select organization_id, provisioner, tags, count(*)::int as count from jobs group by 1, 2, 3) d) as jobs`,
  )
}

/**
 * The bound of a workspace for which nothing is due ever, as things are. Not infinity: that says that a build is active, and
 * the triggers leave it alone until the build ends, while a change of policy has to reach this one.
 */
const nothingInSight = sql`'9999-12-31T00:00:00Z'::timestamptz`

/** Over f: use of the workspace may still be in a buffer, and the rule depends on it. */
function isUsageUnknown({ now, unflushed }: BatchInput): SQL {
  if (unflushed.shards.length === 0) return sql`false`
  return sql`((f.rule in ('dormancy', 'auto_delete')
      or (f.rule = 'autostop' and f.due_at > ${usageGraceEnd(now)}::timestamptz))
    and stable_hash(f.workspace_id::text) % ${unflushed.shardCount}::int = any(${sql.param([...unflushed.shards])}::int[]))`
}

/** Over j: when a rule that waits is looked at again. */
function backoffCase(now: Date): SQL {
  const after = (ms: number) => sql`${new Date(now.getTime() + ms)}::timestamptz`
  return sql`case j.blocked_by
      when 'usage_not_flushed' then ${after(backoffMs.usageNotFlushed)}
      when 'no_provisioner' then ${after(backoffMs.noProvisioner)}
      when 'version_not_ready' then ${after(backoffMs.versionNotReady)}
      when 'parameter' then ${after(backoffMs.parameter)} end`
}

const targets = sql`array[done.workspace_id, done.owner_id, done.template_id, done.organization_id]`

const dormancyAudit = {
  resourceType: "workspace",
  resourceId: sql`done.workspace_id`,
  resourceTarget: sql`done.name`,
  action: "write",
  organizationId: sql`done.organization_id`,
  userId: sql`done.owner_id`,
  additionalFields: sql`jsonb_build_object('automatic_actor', 'coder', 'automatic_subsystem', 'autobuild')`,
}

const dormantMessage = {
  templateId: notificationIds.workspaceDormant,
  userId: sql`done.owner_id`,
  labels: sql`jsonb_strip_nulls(jsonb_build_object('name', done.name, 'reason', 'inactivity exceeded the dormancy threshold',
    'timeTilDelete', case when done.new_deleting_at is not null then relative_time(done.time_til_dormant_autodelete_ms) end))`,
  targets,
  createdBy: "lifecycle_executor",
  idempotencyKey: sql`'dormant:' || done.workspace_id || ':' || extract(epoch from done.acted_at)`,
}

const reminderMessage = {
  templateId: notificationIds.workspaceAutostopReminder,
  userId: sql`done.owner_id`,
  labels: sql`jsonb_build_object('workspace', done.name, 'deadline',
    to_char(done.deadline at time zone 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS "UTC"'))`,
  targets,
  createdBy: "lifecycle_executor",
  idempotencyKey: sql`'autostop-reminder:' || done.build_id || ':' || extract(epoch from done.deadline)`,
}

const updatedMessage = {
  templateId: notificationIds.workspaceAutoUpdated,
  userId: sql`done.owner_id`,
  labels: sql`jsonb_build_object('name', done.name, 'initiator', 'autobuild', 'reason', done.reason,
    'template_version_name', v.name, 'template_version_message', case when btrim(v.message) = '' then 'None provided' else v.message end)`,
  targets,
  createdBy: "autobuild",
  idempotencyKey: sql`'auto-updated:' || done.new_build_id`,
}
