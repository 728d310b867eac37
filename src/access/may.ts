// May the caller do this? As SQL: a boolean over the columns of one object, from the actor that authentication published.
import { sql, type SQL } from "drizzle-orm"
import { texts } from "../db/sql.ts"

export type Action = "create" | "read" | "update" | "delete" | "start" | "stop" | "use"

export type ResourceColumns = {
  /** The user who owns the object, where one does. */
  owner?: SQL
  /** The organization that the object lies in, where it does. */
  organization?: SQL
}

type Grant = { site?: readonly string[]; organization?: readonly string[]; own?: boolean }

const everything = ["owner"] as const
const grants: Record<string, Partial<Record<Action | "*", Grant>>> = {
  workspace: {
    "*": { site: everything, organization: ["organization-admin"], own: true },
    read: {
      site: ["owner", "template-admin"],
      organization: ["organization-admin", "organization-template-admin"],
      own: true,
    },
  },
  template: {
    "*": {
      site: ["owner", "template-admin"],
      organization: ["organization-admin", "organization-template-admin"],
    },
    read: { site: ["owner", "template-admin", "auditor"], organization: ["organization-member"] },
    use: { site: ["owner", "template-admin"], organization: ["organization-member"] },
  },
}

/** The caller's user id, as SQL. */
export const actorId: SQL = sql`(select actor_id())`

/** True where the caller may do `action` to the object with these columns. */
export function may(action: Action, resource: string, columns: ResourceColumns = {}): SQL {
  const grant = grants[resource]?.[action] ?? grants[resource]?.["*"] ?? { site: everything }
  const terms: SQL[] = [sql`(select actor_has_site_role(${texts(grant.site ?? everything)}))`]
  if (grant.organization && columns.organization) {
    terms.push(
      sql`${columns.organization} = any ((select actor_organizations(${texts(grant.organization)}))::uuid[])`,
    )
  }
  if (grant.own && columns.owner) terms.push(sql`${columns.owner} = ${actorId}`)
  return sql`(${sql.join(terms, sql` or `)})`
}
