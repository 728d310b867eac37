// Provisioner tags: how they are normalised, and which daemon may run which job (prebuilds-provisioning-agents.md C2).
import { type SQL, sql } from "drizzle-orm"

export type Tags = Readonly<Record<string, string>>

const untagged = { scope: "organization", owner: "" } as const

/**
 * Merges sets from left to right, where an empty value never overwrites. An unknown scope is the organization's; the
 * owner of a user-scoped set is `userId`, whatever was given.
 */
export function normaliseTags(userId: string, ...sets: readonly Tags[]): Record<string, string> {
  const merged: Record<string, string> = {}
  for (const set of sets)
    for (const [key, value] of Object.entries(set))
      if (value !== "" || !(key in merged)) merged[key] = value
  return merged.scope === "user"
    ? { ...merged, scope: "user", owner: userId }
    : { ...merged, ...untagged }
}

/** PostgreSQL text holds no NUL, so a tag with one could never be stored. */
export const hasNul = (tags: Tags) =>
  Object.entries(tags).some(([key, value]) => key.includes("\0") || value.includes("\0"))

/** Whether a daemon with these tags may run a job with those, over two jsonb expressions. */
export function tagsMatch(jobTags: SQL, daemonTags: SQL): SQL {
  return sql`tags_match(${jobTags}, ${daemonTags})`
}
