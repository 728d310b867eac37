// What must hold after every step of the simulation, asked of the database and remembered between
// steps. Each is a list of what breaks it, so that a failure names the rows.
import { expect } from "vitest"
import { query } from "../harness.ts"
import { expectBound } from "./effects.ts"
import { decide } from "./model.ts"
import { readFacts } from "./population.ts"

/** The longest that a rule which is due is left alone. */
const waitMsMax = 15 * 60_000

/** No rows where all is well. `$1`: builds up to here, by creation, were looked at before. */
const statements: Record<string, string> = {
  "at most one active build": `
    select b.workspace_id from workspace_builds b join provisioner_jobs j on j.id = b.job_id
    where job_is_active(j.job_status) group by 1 having count(*) > 1`,
  "build numbers have no gaps": `
    select w.id from workspaces w left join workspace_builds b on b.workspace_id = w.id
    group by w.id having count(b.id) <> coalesce(max(b.build_number), 0)
      or w.latest_build_number <> coalesce(max(b.build_number), 0)`,
  "every build has its job, and every job its build": `
    select j.id from provisioner_jobs j left join workspace_builds b on b.job_id = j.id
    where j.type = 'workspace_build'
      and (b.id is null or j.input ->> 'workspace_build_id' <> b.id::text)`,
  "no autostop before its deadline, but for a suspended owner or a failed build past its ttl": `
    select b.id from workspace_builds b
    join workspace_builds p on p.workspace_id = b.workspace_id and p.build_number
      = b.build_number - 1
    join provisioner_jobs pj on pj.id = p.job_id join workspaces w on w.id = b.workspace_id
    join users u on u.id = w.owner_id join templates t on t.id = w.template_id
    where b.reason = 'autostop' and b.id <> all($1::uuid[]) and not (
      p.transition = 'start' and pj.job_status <> 'failed' and (p.deadline <= b.created_at
        or u.status = 'suspended')
      or pj.job_status = 'failed' and t.failure_ttl_ms > 0
        and instant_after(pj.completed_at, t.failure_ttl_ms) < b.created_at)`,
  "no autostart for an owner who is not active, when dormant, or on a blocked day": `
    select b.id from workspace_builds b
    join workspace_builds p on p.workspace_id = b.workspace_id and p.build_number
      = b.build_number - 1
    join provisioner_jobs pj on pj.id = p.job_id join workspaces w on w.id = b.workspace_id
    join users u on u.id = w.owner_id join templates t on t.id = w.template_id
    where b.reason = 'autostart' and b.id <> all($1::uuid[]) and (u.status <> 'active'
      or w.dormant_at is not null
      or not t.allow_user_autostart or w.autostart_schedule is null or p.transition <> 'stop'
        or pj.job_status = 'failed'
      or w.next_start_at > b.created_at
        or not is_allowed_start(w.next_start_at, w.autostart_schedule, t.autostart_days))`,
  "no autodelete of what is not dormant and past due": `
    select b.id from workspace_builds b join workspaces w on w.id = b.workspace_id
    where b.reason = 'autodelete' and b.id <> all($1::uuid[])
      and (w.dormant_at is null or w.deleting_at is null or w.deleting_at >= b.created_at)`,
  "no stop for dormancy of what is not marked": `
    select b.id from workspace_builds b join workspaces w on w.id = b.workspace_id
    where b.reason = 'dormancy' and b.id <> all($1::uuid[])
      and (w.dormant_at is null or w.dormant_at > b.created_at)`,
  "prebuilds take no part": `
    select w.id from workspaces w left join workspace_builds b on b.workspace_id = w.id
      and b.reason <> 'initiator'
    where w.owner_id = prebuilds_user_id() and (b.id is not null or w.check_at is not null)`,
  "the copies on the workspace are those of its latest build": `
    select w.id from workspaces w join workspace_builds b on b.id = w.latest_build_id
      join provisioner_jobs j on j.id = b.job_id
    where (w.latest_build_number, w.latest_transition, w.latest_job_status) is distinct from
      (b.build_number, b.transition, j.job_status)`,
  "each automatic dormancy is recorded and notified once": `
    select w.id from workspaces w
    where (select count(*) from audit_logs a where a.resource_id = w.id
      and a.additional_fields ->> 'automatic_subsystem' = 'autobuild')
      <> (select count(*) from notification_messages m where m.targets[1] = w.id and m.created_by
        = 'lifecycle_executor'
        and m.template_id = '0ea69165-ec14-4314-91f1-69566ac3c5a0')`,
  "each failed automatic build is notified once, and no other": `
    select b.id from workspace_builds b join provisioner_jobs j on j.id = b.job_id
      join workspaces w on w.id = b.workspace_id
    where b.reason in ('autostart', 'autostop', 'dormancy', 'autodelete')
      and (select count(*) from notification_messages m
        where m.idempotency_key = 'build-failed:' || b.id)
        <> (j.job_status = 'failed')::int`,
  "a reminder is sent once for each deadline": `
    select m.targets[1] from notification_messages m where m.template_id
      = '6f6cb984-c167-4fa5-bb87-1058dd642779'
    group by m.targets[1], split_part(m.idempotency_key, ':', 2),
      m.labels ->> 'deadline' having count(*) > 1`,
  "what is in an inbox is in the outbox, once": `
    select n.id from inbox_notifications n left join notification_messages m
      on m.id = n.id and m.status = 'delivered' where m.id is null`,
}

export type Memory = { seenBuilds: string[]; lastUsed: Map<string, number> }

export const emptyMemory = (): Memory => ({ seenBuilds: [], lastUsed: new Map() })

/**
 * Checks all of them, and that use and bounds only move as they may. `now`: the instant of the
 * step.
 */
export async function expectInvariants(memory: Memory, now: Date): Promise<void> {
  const columns = Object.values(statements).map(
    (text, index) => `array(select v.*::text from (${text}) v limit 5) as broken_${index}`,
  )
  const [broken] = await query(`select ${columns.join(", ")}`, [memory.seenBuilds])
  for (const [index, name] of Object.keys(statements).entries()) {
    expect(broken[`broken_${index}`], name).toEqual([])
  }
  const workspaces = await query<{ id: string; last_used_at: Date | null; build_ids: string[] }>(
    `select w.id, w.last_used_at, array(select b.id from workspace_builds b where b.workspace_id
      = w.id) as build_ids
     from workspaces w`,
  )
  for (const { id, last_used_at } of workspaces) {
    const usedMs = last_used_at?.getTime() ?? 0
    expect(usedMs, `last_used_at of ${id} moved backwards`).toBeGreaterThanOrEqual(
      memory.lastUsed.get(id) ?? 0,
    )
    memory.lastUsed.set(id, usedMs)
  }
  memory.seenBuilds = workspaces.flatMap(({ build_ids }) => build_ids)
  for (const facts of (await readFacts(workspaces.map(({ id }) => id))).values()) {
    // What is due and waits, for a daemon or because it could not be written, is looked at again
    // after a while.
    const latestAt = new Date(now.getTime() + waitMsMax)
    if (decide(facts, now) === "none") expectBound(facts, now)
    else
      expect(facts.checkAt?.getTime() ?? Infinity, JSON.stringify(facts)).toBeLessThanOrEqual(
        latestAt.getTime(),
      )
  }
}
