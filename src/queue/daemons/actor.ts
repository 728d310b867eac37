// The key and the organization of the calling daemon, as SQL over what authentication published.
import { sql } from "drizzle-orm"

export const actorKeyId = sql`(select (actor() ->> 'key_id')::uuid)`
export const actorOrganizationId = sql`(select (actor() ->> 'organization_id')::uuid)`
