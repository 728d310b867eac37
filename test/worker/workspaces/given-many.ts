// Many workspaces at once, each a copy of one with a build of its own, and a caller who is proven
// without a token.
import { env } from "cloudflare:workers"
import { sql } from "drizzle-orm"
import type { UserActor } from "../../../src/access/actors.ts"
import type { Caller } from "../../../src/access/caller.ts"
import { authenticatedDatabase } from "../../../src/access/authenticated-database.ts"
import { connect, statement, type Database } from "../../../src/platform/db/client.ts"
import type { GivenUser } from "../given-people.ts"
import type { GivenBuild, GivenWorkspace } from "../given-workspaces.ts"
import { query } from "../harness.ts"

/** `copy-00001` and on: every third runs, every fifth is its owner's favourite. */
export async function givenCopies(
  pattern: GivenWorkspace & { build: GivenBuild },
  count: number,
): Promise<void> {
  await query(
    `with made as (
       select n, gen_random_uuid() as id, gen_random_uuid() as build_id,
         gen_random_uuid() as job_id,
         case when n % 3 = 0 then 'start' else 'stop' end as transition
       from generate_series(1, $2::int) n
     ), j as (
       insert into provisioner_jobs (id, organization_id, initiator_id, type, file_id, input, tags,
         created_at, updated_at, started_at,
         completed_at)
       select made.job_id, j.organization_id, j.initiator_id, j.type, j.file_id, j.input, j.tags,
         j.created_at, j.updated_at,
         j.started_at, j.completed_at
       from made, provisioner_jobs j where j.id = $3
     ), w as (
       insert into workspaces (id, owner_id, organization_id, template_id, name, favorite,
         created_at, updated_at)
       select made.id, w.owner_id, w.organization_id, w.template_id, 'copy-' || lpad(n::text, 5,
         '0'), n % 5 = 0, w.created_at, w.updated_at
       from made, workspaces w where w.id = $1
     )
     insert into workspace_builds (id, workspace_id, template_version_id, build_number, transition,
       initiator_id, job_id, created_at,
       updated_at)
     select made.build_id, made.id, b.template_version_id, 1, made.transition, b.initiator_id,
       made.job_id, b.created_at, b.updated_at
     from made, workspace_builds b where b.workspace_id = $1`,
    [pattern.id, count, pattern.build.jobId],
  )
}

/** Makes the person the actor of a transaction, as authentication does. */
export function actAs(user: GivenUser, roles: { site?: string[]; organization?: string[] } = {}) {
  const actor = JSON.stringify({
    kind: "user",
    id: user.id,
    username: user.username,
    roles: [...(roles.site ?? []), "member"],
    organizations: {
      [user.organizationId]: [...(roles.organization ?? []), "organization-member"],
    },
    key_id: "test",
    login_type: "password",
    scopes: ["coder:all"],
    allow_list: ["*:*"],
  })
  return statement<{ actor: UserActor }>(
    "test.act-as",
    sql`select set_config('dormouse.actor', ${actor}, true)::jsonb as actor`,
  )
}

/** A caller who has been proven; the size of every answer of the database passes by. */
export function callerThat(
  user: GivenUser,
  roles: { site?: string[]; organization?: string[] },
  onRows: (rows: number) => void,
): Caller {
  const db = connect(env.DATABASE_URL)
  const observed: Database = {
    ...db,
    async batch(statements) {
      const results = await db.batch(statements)
      for (const rows of results as unknown[][]) onRows(rows.length)
      return results
    },
  }
  return authenticatedDatabase<UserActor>(observed, actAs(user, roles))
}
