// A domain: the daemons of an organization that may run exactly the same jobs.
//
// They have the same types and the same tags. Each domain has one board, which wakes its daemons.
import { sha256 } from "../../platform/hash.ts"
import { toHex } from "../../platform/db/values.ts"
import type { Tags } from "../tags.ts"

export type Domain = { organization_id: string; provisioners: readonly string[]; tags: Tags }

/** Returns the tags in one order, so that equal sets compare equal. */
export const sortedTags = (tags: Tags): [name: string, value: string][] =>
  Object.entries(tags).toSorted(([a], [b]) => (a < b ? -1 : 1))

/**
 * Returns the name of a domain's board: the same for every order of its types and tags. The hash
 * bounds its length, since tags may be long. The organization comes first, to be read in a trace.
 */
export async function boardName({ organization_id, provisioners, tags }: Domain): Promise<string> {
  const canonical = JSON.stringify([[...new Set(provisioners)].toSorted(), sortedTags(tags)])
  return `${organization_id}-${toHex(await sha256(canonical))}`
}
