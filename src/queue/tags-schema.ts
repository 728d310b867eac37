// What a set of provisioner tags may be wherever one comes in: with a key, a daemon, a version, a filter.
import { z } from "@hono/zod-openapi"
import { hasNul } from "./tags.ts"

/** A domain is kept for each set of tags, and each is compared with those of every job. */
export const tagCountMax = 64

export const tagSet = z
  .record(z.string().max(128), z.string().max(256))
  .refine(
    (tags) => Object.keys(tags).length <= tagCountMax,
    `There may be ${tagCountMax} tags at most.`,
  )
  .refine((tags) => !hasNul(tags), "Tags must not contain NUL bytes.")
