// The workspace search language: its keys and their values. SQL resolves the names.
import {
  createSearchReader,
  type SearchIssue,
  type SearchTerm,
  splitOutsideQuotes,
  stripQuotes,
  tokenizeSearch,
} from "../../platform/http/search-query.ts"

export const searchableStatuses = [
  "pending",
  "starting",
  "running",
  "stopping",
  "stopped",
  "failed",
  "canceling",
  "canceled",
  "deleting",
  "deleted",
] as const
export type SearchableStatus = (typeof searchableStatuses)[number]

export type WorkspaceFilter = {
  /** Exact username, or `me`. */
  ownerUsername?: string | undefined
  /** Substring of the name; `%` and `_` are wildcards. */
  name?: string | undefined
  templateName?: string | undefined
  /** Id or name. */
  organization?: string | undefined
  ids?: string[] | undefined
  status?: SearchableStatus | undefined
  /** Not validated: an unknown status matches nothing. */
  hasAgentStatuses?: string[] | undefined
  dormant?: true | undefined
  lastUsedBefore?: Date | undefined
  lastUsedAfter?: Date | undefined
  usingActive?: boolean | undefined
  hasParam?: string[] | undefined
  params?: { name: string; value: string }[] | undefined
  hasAiTask?: boolean | undefined
  hasExternalAgent?: boolean | undefined
  shared?: boolean | undefined
  /** Id, username or `me`. */
  sharedWithUser?: string | undefined
  sharedWithGroup?: { organization: string | null; group: string } | undefined
  includeAgentMetadata?: string[] | undefined
}

export type WorkspaceSearch =
  | { filter: WorkspaceFilter; issues: null }
  | { filter: null; issues: SearchIssue[] }

export function parseWorkspaceSearch(query: string): WorkspaceSearch {
  const { terms, issue } = tokenizeSearch(query, readNameTerm)
  if (issue !== null) return { filter: null, issues: [issue] }
  const reader = createSearchReader(terms)
  const isOutdatedGiven = reader.isPresent("outdated")
  const outdated = reader.boolean("outdated")
  const filter: WorkspaceFilter = {
    ownerUsername: reader.text("owner"),
    name: reader.text("name"),
    templateName: reader.text("template"),
    organization: reader.text("organization"),
    ids: reader.uuids("id"),
    status: reader.oneOf("status", searchableStatuses),
    hasAgentStatuses: readAgentStatuses(reader.list("has-agent"), reader.boolean("healthy")),
    // Only `true` filters; `false` has no effect.
    dormant: reader.boolean("dormant") || undefined,
    lastUsedBefore: reader.time("last_used_before"),
    lastUsedAfter: reader.time("last_used_after"),
    // Clients know that an empty value counts as true.
    usingActive: isOutdatedGiven ? outdated === false : undefined,
    hasAiTask: reader.boolean("has-ai-task"),
    hasExternalAgent: reader.boolean("has_external_agent"),
    shared: reader.boolean("shared"),
    sharedWithUser: reader.text("shared_with_user"),
    sharedWithGroup: readGroup(reader.text("shared_with_group"), reader.report),
    includeAgentMetadata: orUndefined(reader.list("include_agent_metadata")),
    ...readParams(reader.protectedList("param"), reader.report),
  }
  const issues = reader.finish()
  return issues.length > 0 ? { filter: null, issues } : { filter, issues: null }
}

/** `name` or `owner/name`. */
function readNameTerm(text: string): SearchTerm[] | SearchIssue {
  const [first, second, ...more] = splitOutsideQuotes(text, (char) => char === "/").map(stripQuotes)
  if (first === undefined || more.length > 0) {
    return { field: "q", detail: `Query element ${JSON.stringify(text)} can only contain 1 '/'` }
  }
  if (second === undefined) return [{ key: "name", value: first }]
  return [
    { key: "owner", value: first },
    { key: "name", value: second },
  ]
}

function readAgentStatuses(statuses: string[], healthy: boolean | undefined): string[] | undefined {
  if (healthy === true) return [...statuses, "connected"]
  if (healthy === false) return [...statuses, "disconnected", "timeout"]
  return orUndefined(statuses)
}

/**
 * `param:name` finds builds with the parameter, `param:name=value` the exact pair.
 *
 * Quotes protect `=` and `,` in a value: `param:"repo=https://host/?a=b,c"`.
 */
function readParams(
  values: { text: string; isQuoted: boolean }[],
  report: (key: string, problem: string) => undefined,
): Pick<WorkspaceFilter, "hasParam" | "params"> {
  const names: string[] = []
  const pairs: { name: string; value: string }[] = []
  for (const { text, isQuoted } of values) {
    const [name = "", ...rest] = text.split("=")
    const value = rest.length === 0 ? undefined : rest.join("=")
    if (rest.length > 1 && !isQuoted)
      report("param", `has invalid values: ${JSON.stringify(text)} can only contain 1 '='`)
    else if (value === undefined) names.push(name)
    else if (value === "")
      report(
        "param",
        `has invalid values: omit the '=' to match the parameter ${JSON.stringify(name)}`,
      )
    else pairs.push({ name, value })
  }
  return { hasParam: orUndefined(names), params: orUndefined(pairs) }
}

/** `group` in the default organization, or `organization/group`. */
function readGroup(
  text: string | undefined,
  report: (key: string, problem: string) => undefined,
): WorkspaceFilter["sharedWithGroup"] {
  if (text === undefined) return undefined
  const [first = "", second, ...more] = text.split("/")
  const pattern = "the filter must be in the pattern of <organization name>/<group name>"
  if (more.length > 0) return report("shared_with_group", `has an invalid value: ${pattern}`)
  if (second === undefined) return { organization: null, group: first }
  if (first === "")
    return report("shared_with_group", "has an invalid value: invalid organization name")
  if (second === "") return report("shared_with_group", "has an invalid value: invalid group name")
  return { organization: first, group: second }
}

function orUndefined<Item>(items: Item[]): Item[] | undefined {
  return items.length > 0 ? items : undefined
}
