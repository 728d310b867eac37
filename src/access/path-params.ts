// What a path names (api.md 0.7), as SQL over an alias of the table: a user by id, name or `me`; an organization by id, name
// or `default`.
import { sql, type SQL } from "drizzle-orm"
import { nilUuid } from "../http/wire.ts"
import { actorId } from "./may.ts"

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export const isUuid = (text: string) => uuidPattern.test(text)

/** True for the organization that `text` names. The caller's reach is another condition. */
export function isOrganization(alias: SQL, text: string): SQL {
  if (text === "default" || text === nilUuid) return sql`(${alias}.is_default and not ${alias}.deleted)`
  const named = isUuid(text) ? sql`${alias}.id = ${text}::uuid` : sql`lower(${alias}.name) = lower(${text})`
  return sql`(${named} and not ${alias}.deleted)`
}

/** True for the user that `text` names. */
export function isUser(alias: SQL, text: string): SQL {
  if (text === "me") return sql`${alias}.id = ${actorId}`
  if (isUuid(text)) return sql`(${alias}.id = ${text}::uuid and not ${alias}.deleted)`
  return sql`(lower(${alias}.username) = lower(${text}) and not ${alias}.deleted)`
}
