// The template search language: its keys, and the condition of each.
import { sql, type SQL } from "drizzle-orm"
import { actorId, may } from "../access/may.ts"
import { organizationIdOf } from "../access/lookup.ts"
import { statement } from "../platform/db/client.ts"
import { escapeLike, uuids } from "../platform/db/sql.ts"
import {
  createSearchReader,
  tokenizeSearch,
  type SearchIssue,
} from "../platform/http/search-query.ts"
import { selectTemplates, type TemplateRow } from "./view.ts"

export type TemplateFilter = {
  /** Substring of the name or the display name. */
  words?: string | undefined
  /** Substring of the display name. */
  displayName?: string | undefined
  exactDisplayName?: string | undefined
  /** Substring of the name. */
  name?: string | undefined
  exactName?: string | undefined
  /** Id or name. */
  organization?: string | undefined
  ids?: string[] | undefined
  /** Deprecated templates are hidden unless requested. */
  deprecated: boolean
  deleted: boolean
  hasAiTask?: boolean | undefined
  hasExternalAgent?: boolean | undefined
  /** Exact username, or `me`. */
  author?: string | undefined
  authorId?: string | undefined
}

export type TemplateSearch =
  | { filter: TemplateFilter; issues: null }
  | { filter: null; issues: SearchIssue[] }

const unquote = (text: string) => text.replaceAll('"', "").trim()

export function parseTemplateSearch(query: string): TemplateSearch {
  const { terms, issue } = tokenizeSearch(query, (text) => [{ key: "", value: unquote(text) }])
  if (issue !== null) return { filter: null, issues: [issue] }
  const reader = createSearchReader(terms)
  const filter: TemplateFilter = {
    words: reader.text(""),
    displayName: reader.text("display_name"),
    exactDisplayName: reader.text("exact_display_name"),
    name: reader.text("name"),
    exactName: reader.text("exact_name"),
    organization: reader.text("organization"),
    ids: reader.uuids("ids"),
    deprecated: reader.boolean("deprecated") ?? false,
    deleted: reader.boolean("deleted") ?? false,
    hasAiTask: reader.boolean("has-ai-task"),
    hasExternalAgent: reader.boolean("has_external_agent"),
    author: reader.text("author"),
    authorId: reader.uuid("author_id"),
  }
  const issues = reader.finish()
  return issues.length > 0 ? { filter: null, issues } : { filter, issues: null }
}

const readable = may("read", "template", { id: sql`t.id`, organization: sql`t.organization_id` })

/** The most used first, then by name. `organization` is the path's, beside the filter's own. */
export const listTemplates = (filter: TemplateFilter, organization: string | null) =>
  statement<TemplateRow>(
    "templates.list",
    sql`${selectTemplates}
    where ${sql.join([readable, ...conditions(filter, organization)], sql` and `)}
    order by t.active_user_count desc, lower(t.name), t.id`,
  )

/** Returns a row if the organization exists and the caller may read its templates. */
export const organizationGate = (organization: string) =>
  statement<{ id: string }>(
    "templates.organization-gate",
    sql`select o.id from organizations o
    where o.id = ${organizationIdOf(organization)}
      and ${may("read", "template", { organization: sql`o.id` })}`,
  )

const contains = (column: SQL, text: string) =>
  sql`lower(${column}) like ${`%${escapeLike(text)}%`}`
const equals = (column: SQL, text: string) => sql`lower(${column}) = ${text}`

function conditions(filter: TemplateFilter, organization: string | null): SQL[] {
  const found: SQL[] = [
    sql`t.deleted = ${filter.deleted}`,
    sql`(t.deprecation_message <> '') = ${filter.deprecated}`,
  ]
  if (organization !== null) found.push(sql`o.id = ${organizationIdOf(organization)}`)
  if (filter.organization) found.push(sql`o.id = ${organizationIdOf(filter.organization)}`)
  if (filter.words) {
    const { words } = filter
    found.push(sql`(${contains(sql`t.name`, words)} or ${contains(sql`t.display_name`, words)})`)
  }
  if (filter.displayName) found.push(contains(sql`t.display_name`, filter.displayName))
  if (filter.exactDisplayName) found.push(equals(sql`t.display_name`, filter.exactDisplayName))
  if (filter.name) found.push(contains(sql`t.name`, filter.name))
  if (filter.exactName) found.push(equals(sql`t.name`, filter.exactName))
  if (filter.ids) found.push(sql`t.id = any (${uuids(filter.ids)})`)
  if (filter.hasAiTask) found.push(sql`false`)
  if (filter.hasExternalAgent !== undefined) {
    found.push(sql`exists (select 1 from template_versions v where v.id = t.active_version_id
      and coalesce(v.has_external_agent, false) = ${filter.hasExternalAgent})`)
  }
  if (filter.author === "me") found.push(sql`t.created_by = ${actorId}`)
  else if (filter.author) found.push(equals(sql`u.username`, filter.author))
  if (filter.authorId) found.push(sql`t.created_by = ${filter.authorId}::uuid`)
  return found
}
