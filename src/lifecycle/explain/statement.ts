// Reads one workspace's rules, by the view that the tick acts on, with what each depends on.
import { sql, type SQL } from "drizzle-orm"
import { may } from "../../access/may.ts"
import { statement, type Statement } from "../../platform/db/client.ts"
import { step, type Step, withSteps } from "../../platform/db/steps.ts"
import { policyPairs } from "../../templates/policy/columns.ts"
import { usageShardCount } from "../../usage/tracker/shards.ts"
import { type Firing, ruleBlock, supply, usageGraceMs } from "../rules/blocks.ts"
import { isNextStartOpen } from "../tick/prepare-statement.ts"

export type RuleRow = {
  rule: string
  precedence: number
  why_not: string | null
  due_at: string | null
  transition: "start" | "stop" | "delete" | null
  reason: string | null
  template_version_id: string
  is_other_version: boolean
  block: string | null
}

export type BuildRow = {
  build_number: number
  transition: string
  reason: string
  initiator_name: string
  created_at: string
  job_status: string
  completed_at: string | null
}

export type ExplainRow = {
  id: string
  name: string
  deleted: boolean
  is_prebuild: boolean
  /** When the tick looks at it again; null if that is not an instant. A block postpones it. */
  check_at: Date | null
  next_start_open: { schedule: string; allowed_days: number; stop_created_at: string | null } | null
  facts: Record<string, unknown>
  rules: RuleRow[]
  /** What a start on another version would carry over. Null if a start keeps its version. */
  carry: { template_version_id: string; previous: { name: string; value: string }[] } | null
  history: BuildRow[]
}

/** How many of the last transitions explain shows. */
const historyMax = 10

/** The rules as the tick's CTE `firing` has them, whether they are due or not. */
function allRules(id: string): Step<never, Firing> {
  return step(sql`firing as (
      select r.*, r.template_version_id <> b.template_version_id as is_other_version
      from lifecycle_rules r join workspace_builds b on b.id = r.build_id
      where r.workspace_id = ${id}::uuid
    )`)
}

/**
 * Returns no row if the caller may not read the workspace.
 *
 * Reads one workspace by its key, and the history by the unique number of builds. Reads at most a
 * quarter of an hour of the ledger, by its index lifecycle_ticks_tick_at.
 */
export function explainWorkspace(id: string, now: Date): Statement<ExplainRow> {
  const columns = { id: sql`w.id`, owner: sql`w.owner_id`, organization: sql`w.organization_id` }
  return statement(
    "lifecycle.explain",
    withSteps(allRules(id)).add(supply(now)).select(sql`
    select w.id, w.name, w.deleted, w.owner_id = prebuilds_user_id() as is_prebuild,
      case when isfinite(w.check_at) then w.check_at end as check_at,
      case when ${isNextStartOpen} and not w.deleted then jsonb_build_object(
        'schedule', w.autostart_schedule, 'allowed_days', t.autostart_days,
        'stop_created_at', case when b.transition = 'stop' then b.created_at end)
      end as next_start_open,
      ${facts} as facts, ${rulesJson(now)} as rules, ${carryJson} as carry,
      ${historyJson} as history
    from workspaces w
    join templates t on t.id = w.template_id
    join users u on u.id = w.owner_id
    left join workspace_builds b on b.id = w.latest_build_id
    left join provisioner_jobs j on j.id = b.job_id
    where w.id = ${id}::uuid and ${may("read", "workspace", columns)}`),
  )
}

/** Over w: the last tick that flushed the tracker could not write the workspace's shard. */
function isUseUnknown(now: Date): SQL {
  const askedAfter = new Date(now.getTime() - usageGraceMs)
  return sql`coalesce((
        select stable_hash(w.id::text) % ${usageShardCount}::int = any(k.unflushed_shards)
        from lifecycle_ticks k
        where k.tick_at > ${askedAfter}::timestamptz and k.tick_at <= ${now}::timestamptz
          and k.unflushed_shards is not null
        order by k.tick_at desc, k.id desc limit 1), false)`
}

/** Over w, u, b, j, t: what the rules look at. */
const facts = sql`jsonb_build_object(
        'owner_status', u.status, 'dormant_at', w.dormant_at, 'deleting_at', w.deleting_at,
        'last_used_at', w.last_used_at, 'autostart_schedule', w.autostart_schedule,
        'next_start_at', w.next_start_at, 'ttl_ms', w.ttl_ms,
        'automatic_updates', w.automatic_updates, 'last_transition', b.transition,
        'last_job_status', j.job_status, 'last_build_created_at', b.created_at,
        'last_job_completed_at', j.completed_at, 'deadline', b.deadline,
        'max_deadline', b.max_deadline, 'reminded_for', b.notified_autostop_deadline,
        ${policyPairs(sql`t`)})`

/** Over w, b. A rule that is not due yet does not wait for use. */
function rulesJson(now: Date): SQL {
  const isUsed = sql`${isUseUnknown(now)} and f.due_at <= ${now}::timestamptz`
  return sql`(
        select coalesce(jsonb_agg(jsonb_build_object('rule', f.rule, 'precedence', f.precedence,
          'why_not', f.why_not, 'due_at', f.due_at, 'transition', f.transition,
          'reason', f.reason, 'template_version_id', f.template_version_id,
          'is_other_version', f.is_other_version, 'block', ${ruleBlock(isUsed, now)})
          order by f.precedence), '[]')
        from firing f left join supply s on s.version_id = f.template_version_id)`
}

/** Over b: the values of the last build, if a start would change the version. */
const carryJson = sql`(
        select jsonb_build_object('template_version_id', f.template_version_id,
          'previous', coalesce((
            select jsonb_agg(jsonb_build_object('name', p.name, 'value', p.value))
            from workspace_build_parameters p where p.workspace_build_id = b.id), '[]'))
        from firing f where f.rule = 'autostart' and f.is_other_version)`

/** Over w. */
const historyJson = sql`(
        select coalesce(jsonb_agg(h order by h.build_number desc), '[]') from (
          select p.build_number, p.transition, p.reason, i.username as initiator_name,
            p.created_at, pj.job_status, pj.completed_at
          from workspace_builds p
          join provisioner_jobs pj on pj.id = p.job_id
          join users i on i.id = p.initiator_id
          where p.workspace_id = w.id
          order by p.build_number desc limit ${historyMax}::int) h)`
