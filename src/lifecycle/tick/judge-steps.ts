// The first half of a batch: the rules of the workspaces that were taken, and what blocks them.
import { sql, type SQL } from "drizzle-orm"
import { json, texts, uuids } from "../../platform/db/sql.ts"
import { type Columns, step, type Step } from "../../platform/db/steps.ts"
import { type Firing, ruleBlock, type Supply } from "../rules/blocks.ts"
import type { Due } from "../rules/due.ts"
import { isNextStartOpen, type OpenNextStart } from "./prepare-statement.ts"

/** A start on another version: the values that it gets, or null if they do not fit. */
export type Carry = {
  workspace_id: string
  build_id: string
  template_version_id: string
  parameters: { name: string; value: string }[] | null
}

export type SeeInput = {
  /**
   * Schedules that were computed for this batch: a next start that is still null may be trusted.
   */
  asked: readonly OpenNextStart[]
}

export type JudgeInput = {
  now: Date
  carries: readonly Carry[]
  /** Shards of the usage tracker that could not be flushed, and how many shards there are. */
  unflushed: { shards: readonly number[]; shardCount: number }
}

export type Seen = Columns<
  "seen",
  | "id"
  | "name"
  | "owner_id"
  | "organization_id"
  | "template_id"
  | "latest_build_number"
  | "latest_job_status"
  | "time_til_dormant_autodelete_ms"
  | "must_ask"
>

/** The workspaces that were taken and have not changed since the statement's snapshot. */
export function seen({ asked }: SeeInput): Step<Due, Seen> {
  return step(sql`seen as materialized (
      select w.id, w.name, w.owner_id, w.organization_id, w.template_id, w.latest_build_number,
        w.latest_job_status, t.time_til_dormant_autodelete_ms,
        coalesce(${isNextStartOpen} and asked.id is null, false) as must_ask
      from due
      -- The planner expects a case to hold for half of the rows. It would expect the bare condition
      -- to hold for almost none.
      join workspaces w on w.id = due.id
        and case when w.ctid = due.row_version then true else false end
      join templates t on t.id = w.template_id
      left join workspace_builds b on b.id = w.latest_build_id
      left join unnest(${uuids(asked.map((open) => open.workspace_id))},
        ${uuids(asked.map((open) => open.build_id))},
        ${texts(asked.map((open) => open.schedule))},
        ${sql.param(asked.map((open) => open.allowed_days))}::int[])
        as asked (id, build_id, schedule, allowed_days) on asked.id = w.id
          and asked.build_id = w.latest_build_id and asked.schedule = w.autostart_schedule
          and asked.allowed_days = t.autostart_days
    )`)
}

export type Rules = Columns<"rules", "workspace_id" | "due_at">

/** The rules that apply to them, each with the instant at which it is due. */
export const rules: Step<Seen, Rules> = step(sql`rules as materialized (
      select r.* from seen join lifecycle_rules r on r.workspace_id = seen.id
      where r.due_at is not null
    )`)

/** The first rule of each workspace that is due. */
export function firing(now: Date): Step<Rules, Firing> {
  return step(sql`firing as materialized (
      select distinct on (workspace_id) * from rules
      where due_at <= ${now}::timestamptz order by workspace_id, precedence
    )`)
}

export type Judged = Columns<
  "judged",
  | "workspace_id"
  | "rule"
  | "build_id"
  | "transition"
  | "reason"
  | "template_version_id"
  | "last_version_id"
  | "provisioner_state"
  | "template_version_preset_id"
  | "deadline"
  | "carried"
  | "blocked_by"
>

/** Those rules with what blocks each; a null `blocked_by` means that it may act. */
export function judged(input: JudgeInput): Step<Firing | Supply, Judged> {
  return step(sql`judged as materialized (
      select f.*, b.template_version_id as last_version_id, b.provisioner_state,
        b.template_version_preset_id, b.deadline, c.parameters as carried,
        case block.name
          when 'not_prepared' then case
            when c.workspace_id is null then 'not_prepared'
            when c.parameters is null then 'parameter' end
          else block.name
        end as blocked_by
      from firing f
      join workspace_builds b on b.id = f.build_id
      left join supply s on s.version_id = f.template_version_id
      cross join lateral (select ${ruleBlock(isInBuffer(input), input.now)} as name) block
      left join jsonb_to_recordset(${json(input.carries)})
        as c (workspace_id uuid, build_id uuid, template_version_id uuid, parameters jsonb)
        on c.workspace_id = f.workspace_id and c.build_id = f.build_id
          and c.template_version_id = f.template_version_id
    )`)
}

/** Over f: use of the workspace may still be in a buffer. */
function isInBuffer({ unflushed }: JudgeInput): SQL {
  if (unflushed.shards.length === 0) return sql`false`
  const shards = sql.param([...unflushed.shards])
  return sql`stable_hash(f.workspace_id::text) % ${unflushed.shardCount}::int
          = any(${shards}::int[])`
}

export type Acting = Columns<"acting", "workspace_id" | "rule">

export const acting: Step<Judged, Acting> = step(sql`acting as materialized (
      select * from judged where blocked_by is null
    )`)
