// The SQL of a template's settings, generated from the table in fields.ts.
import { sql, type SQL } from "drizzle-orm"
import type { templates } from "../../platform/db/schema/templates.ts"
import type { RowOf } from "../../platform/db/row.ts"
import type { AutostopPolicy } from "../../schedule/calculate-autostop.ts"
import { fieldNames, fields, scheduledNames, type FieldName, type ScheduledName } from "./fields.ts"

/** Every column of a template. */
export type TemplateColumns = RowOf<typeof templates>

/** The settings as columns hold them. */
export type TemplateSettings = Pick<TemplateColumns, FieldName>
/** What deadlines and next starts are computed from. */
export type ScheduleSettings = Pick<TemplateColumns, ScheduledName>
/** Null keeps what is there. */
export type SettingsChange = { [K in FieldName]: TemplateSettings[K] | null }

const list = <Name extends string>(names: readonly Name[], each: (name: Name) => SQL): SQL =>
  sql.join(names.map(each), sql`, `)

const column = (alias: SQL, name: string): SQL => sql`${alias}.${sql.identifier(name)}`

/** The columns by their names, for `insert into templates (...)`. */
export const settingNames: SQL = list(fieldNames, (name) => sql`${sql.identifier(name)}`)

/** Bound values, in the order of {@link settingNames}. */
export const settingValues = (settings: TemplateSettings): SQL =>
  list(fieldNames, (name) => bound(settings[name], name))

const bound = (value: TemplateSettings[FieldName] | null, name: FieldName): SQL =>
  sql`${value}::${sql.raw(fields[name].type)}`

/** The columns of `alias`, for a select list. */
export const selectSettings = (alias: SQL, names: readonly FieldName[] = fieldNames): SQL =>
  list(names, (name) => column(alias, name))

/** A select list with what the change says, and the columns of `before` where it says nothing. */
export const changedSettings = (change: SettingsChange, before: SQL): SQL =>
  list(
    fieldNames,
    (name) =>
      sql`coalesce(${bound(change[name], name)},
        ${column(before, name)}) as ${sql.identifier(name)}`,
  )

/** `set` clauses that take the columns of `from`. */
export const assignSettings = (from: SQL): SQL =>
  list(fieldNames, (name) => sql`${sql.identifier(name)} = ${column(from, name)}`)

/** The audit trail's diff of two templates: only what differs. */
export const settingsDiff = (before: SQL, after: SQL): SQL => {
  const differences = list(
    ["name", ...fieldNames],
    (name) => sql`${name}::text, case
      when ${column(after, name)} is distinct from ${column(before, name)} then jsonb_build_object(
        'old', ${column(before, name)}, 'new', ${column(after, name)}, 'secret', false) end`,
  )
  return sql`jsonb_strip_nulls(jsonb_build_object(${differences}))`
}

/** True where deadlines and next starts have to be computed again. */
export const isScheduleChanged = (before: SQL, after: SQL): SQL =>
  sql`((${selectSettings(before, scheduledNames)})
    is distinct from (${selectSettings(after, scheduledNames)}))`

const pairs = (names: readonly FieldName[], alias: SQL): SQL =>
  list(names, (name) => sql`${sql.raw(`'${name}'`)}, ${column(alias, name)}`)

/** {@link ScheduleSettings} as the arguments of `jsonb_build_object`. */
export const schedulePairs = (alias: SQL): SQL => pairs(scheduledNames, alias)

const policyNames = fieldNames.filter((name) => fields[name].type !== "text")

/** The numbers and switches of a template as the arguments of `jsonb_build_object`. */
export const policyPairs = (alias: SQL): SQL => pairs(policyNames, alias)

export const autostopPolicyOf = (settings: ScheduleSettings): AutostopPolicy => ({
  allowUserAutostop: settings.allow_user_autostop,
  defaultTtlMs: settings.default_ttl_ms,
  autostopRequirementDays: settings.autostop_requirement_days,
  autostopRequirementWeeks: settings.autostop_requirement_weeks,
  autostartDays: settings.autostart_days,
})
