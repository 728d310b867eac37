// The statements that create users.
import { sql, type SQL } from "drizzle-orm"
import { organizationIdOf } from "../../access/lookup.ts"
import { may } from "../../access/may.ts"
import { auditDiff } from "../../audit/diff.ts"
import { auditInsert, type AuditRequest } from "../../audit/fragment.ts"
import { statement } from "../../platform/db/client.ts"
import { texts } from "../../platform/db/sql.ts"
import { canGive } from "./statements.ts"
import type { UserRow } from "./view.ts"

export type NewUser = {
  id: string
  email: string
  username: string
  name: string
  hashedPassword: string
  loginType: string
  status: string
  isServiceAccount: boolean
  roles: string[]
  /** Ids, names or `default`. */
  organizations: string[]
}

/** One row for each name: the id of the organization, or null. */
const named = (names: string[]) =>
  sql`(values ${sql.join(
    names.map((name) => sql`(${organizationIdOf(name)})`),
    sql`, `,
  )}) named (id)`

const organizationsOf = (names: string[]) =>
  sql`((select array_agg(distinct named.id) from ${named(names)}
    where named.id is not null)::uuid[])`

export type NewUserFacts = {
  can_create: boolean
  can_give_roles: boolean
  /** Every named organization exists and the caller may read it. */
  are_found: boolean
  are_joinable: boolean
}

/** The facts that explain why a user was not created. */
export const newUserFacts = ({ organizations, roles }: NewUser) =>
  statement<NewUserFacts>(
    "users.new-facts",
    sql`select ${may("create", "user")} as can_create, ${canGive(roles)} as can_give_roles,
        ${everyOrganization(organizations, mayReadOrganization)} as are_found,
        ${everyOrganization(organizations, mayJoin)} as are_joinable`,
  )

const everyOrganization = (names: string[], condition: SQL) =>
  sql`not exists (select 1 from ${named(names)} left join organizations o on o.id = named.id
    where o.id is null or not (${condition}) is true)`

const mayReadOrganization = may("read", "organization", { organization: sql`o.id` })
const mayJoin = may("create", "organization_member", { organization: sql`o.id` })
/** Creates a user with their memberships, or nothing. A repeated call violates the unique name. */
export function createUser(user: NewUser, request: AuditRequest) {
  const now = sql`${request.now}::timestamptz`
  return statement<UserRow>(
    "users.create",
    sql`with joined as materialized (
        select o.id from organizations o where o.id = any (${organizationsOf(user.organizations)})
      ), made as (
        insert into users (id, email, username, name, hashed_password, status, login_type,
          site_roles, is_service_account,
          created_at, updated_at)
        select ${user.id}::uuid, ${user.email}, ${user.username}, ${user.name},
          ${user.hashedPassword}, ${user.status},
          ${user.loginType}, ${texts(user.roles)}, ${user.isServiceAccount}::boolean, ${now}, ${now}
        where ${may("create", "user")} and ${canGive(user.roles)}
          and ${everyOrganization(user.organizations, mayJoin)}
        returning *
      ), members as (
        insert into organization_members (user_id, organization_id, created_at, updated_at)
        select made.id, joined.id, ${now}, ${now} from made, joined returning organization_id
      ), audited as (${auditInsert(
        request,
        {
          resourceType: "user",
          resourceId: sql`made.id`,
          resourceTarget: sql`made.username`,
          action: "create",
          statusCode: 201,
          diff: auditDiff({
            username: { new: sql`made.username` },
            email: { new: sql`made.email` },
            name: { new: sql`made.name` },
            status: { new: sql`made.status` },
            login_type: { new: sql`made.login_type` },
            rbac_roles: { new: sql`made.site_roles` },
            hashed_password: { new: sql`made.hashed_password`, isSecret: true },
          }),
        },
        sql`made`,
      )})
      select u.id, u.username, u.name, u.avatar_url, u.email, u.created_at, u.updated_at,
        u.last_seen_at, u.status, u.login_type,
        u.is_service_account, u.site_roles, (select array_agg(organization_id)
        from members) as organization_ids from made u`,
  )
}
