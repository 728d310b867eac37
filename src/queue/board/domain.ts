// A domain: the daemons of an organization that may run exactly the same jobs, since they have the same types and the same tags
// (prebuilds-provisioning-agents.md C3). Each has a board of its own, which wakes them.
import { sha256 } from "../../platform/hash.ts"
import { toHex } from "../../platform/db/values.ts"
import type { Tags } from "../tags.ts"

export type Domain = { organization_id: string; provisioners: readonly string[]; tags: Tags }

/** The same tags in the same order, however they were written down. */
export const sortedTags = (tags: Tags): [name: string, value: string][] =>
  Object.entries(tags).toSorted(([a], [b]) => (a < b ? -1 : 1))

/**
 * The name of a domain's board: the same for every order of its types and tags, of bounded length, since tags may be long.
 * It begins with the organization, for whoever reads a trace.
 */
export async function boardName({ organization_id, provisioners, tags }: Domain): Promise<string> {
  const canonical = JSON.stringify([[...new Set(provisioners)].toSorted(), sortedTags(tags)])
  return `${organization_id}-${toHex(await sha256(canonical))}`
}
