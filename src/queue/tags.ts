// Provisioner tags: their bounds on every way in, and how they are normalised.
import { z } from "@hono/zod-openapi"

export type Tags = Readonly<Record<string, string>>

/** The tags of a job or a daemon that was given none. */
const untagged = { scope: "organization", owner: "" } as const

/**
 * Merges sets from left to right; an empty value never overwrites one that is set. An unknown scope
 * becomes the organization's. The owner of a user-scoped set is `userId`, whatever was given.
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

/** Bounds a set of tags: there is a domain for each set, and it is compared with every job's. */
export const tagCountMax = 64

/** PostgreSQL text holds no NUL, so a tag with one could never be stored. */
const hasNul = (tags: Tags) =>
  Object.entries(tags).some(([key, value]) => key.includes("\0") || value.includes("\0"))

/** The tags of a key, a daemon, a version or a filter. */
export const tagSet = z
  .record(z.string().max(128), z.string().max(256))
  .refine(
    (tags) => Object.keys(tags).length <= tagCountMax,
    `There may be ${tagCountMax} tags at most.`,
  )
  .refine((tags) => !hasNul(tags), "Tags must not contain NUL bytes.")
