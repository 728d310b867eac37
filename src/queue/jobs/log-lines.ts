// A job's log: how a line is stored, and where a log that grows too long ends.
import { type SQL, sql } from "drizzle-orm"
import { json } from "../../platform/db/sql.ts"
import type { LogLine } from "./protocol.ts"

export const logBytesMax = 1_048_576
const outputLengthMax = 1_024
const stageLengthMax = 128
export const overflowNotice =
  "Provisioner logs exceeded the 1 MiB limit. Further output is dropped."

type StoredLine = {
  at: string
  source: string
  level: string
  stage: string
  output: string
  size: number
}

const clean = (text: string, lengthMax: number) => {
  // PostgreSQL text holds no NUL; a cut must not split a surrogate pair.
  const cut = text.replaceAll("\0", "").slice(0, lengthMax)
  return cut.toWellFormed()
}

/** How far a daemon's clock may be off. No build takes longer than this. */
export const clockErrorMsMax = 24 * 3_600_000

/**
 * True if the instant can be of a job that is running at `now`. A clock that is further off is
 * ignored.
 */
export const isPlausible = (at: Date, now: Date) =>
  Math.abs(at.getTime() - now.getTime()) <= clockErrorMsMax

/**
 * Converts a line as it is stored: cut to its columns, without NUL bytes, with its size in bytes.
 */
export function toStoredLine(line: LogLine, now: Date): StoredLine {
  const output = clean(line.output, outputLengthMax)
  const at = new Date(line.created_at)
  return {
    at: (isPlausible(at, now) ? at : now).toISOString(),
    source: line.source ?? "provisioner",
    level: line.level ?? "info",
    stage: clean(line.stage ?? "", stageLengthMax),
    output,
    size: new TextEncoder().encode(output).byteLength,
  }
}

/**
 * CTEs `sized` and `written` over the CTE `held` (job_id, logs_length, logs_overflowed) of a locked
 * job, for {@link logCounters} to add up.
 *
 * Lines are kept while they fit together with the notice. The first that does not fit is replaced
 * by the notice, and the rest is dropped. Nothing is added to a log that has overflowed.
 */
export function logInsert(lines: readonly LogLine[], now: Date): SQL {
  const noticeBytes = overflowNotice.length
  return sql`sized as (
    select h.job_id, l.*,
      h.logs_length + sum(l.size) over (order by l.n) + ${noticeBytes}::int > ${logBytesMax}::int as
      is_over
    from held h, rows
      from (jsonb_to_recordset(${json(lines.map((line) => toStoredLine(line, now)))})
      as (at timestamptz, source text, level text, stage text, output text,
        size int)) with ordinality
      as l(at, source, level, stage, output, size, n)
    where not h.logs_overflowed
  ), written as (
    insert into provisioner_job_logs (job_id, created_at, source, level, stage, output)
    select s.job_id, s.at, s.source, case when s.is_over then 'warn' else s.level end, s.stage,
      case when s.is_over then ${overflowNotice} else s.output end
    from sized s
    where not s.is_over or s.n = (select min(o.n) from sized o where o.is_over)
    order by s.n
    returning id
  )`
}

/** How the lines of {@link logInsert} change the job's counters. */
export const logCounters = sql`
  logs_length = j.logs_length + coalesce((select sum(s.size) from sized s where not s.is_over), 0),
  logs_overflowed = j.logs_overflowed or exists (select 1 from sized s where s.is_over)`
