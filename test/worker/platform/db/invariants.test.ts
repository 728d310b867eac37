// The second guards of invariants that span rows.
//
// The tables refuse a write that breaks one, whatever statement made it, when the statement ends.
import { describe, expect, test } from "vitest"
import { afterEpoch, epoch } from "../../epoch.ts"
import { givenUser } from "../../given-people.ts"
import { givenTemplate } from "../../given-templates.ts"
import { givenBuild, givenDormancy, givenWorkspace } from "../../given-workspaces.ts"
import { query } from "../../harness.ts"

async function given(options: Parameters<typeof givenWorkspace>[2] = {}) {
  const user = await givenUser()
  const template = await givenTemplate(user)
  return { user, template, workspace: await givenWorkspace(user, template, options) }
}

/** The constraint that a write broke; null where it was written. */
async function brokenBy(write: Promise<unknown>): Promise<string | null | undefined> {
  try {
    await write
    return null
  } catch (error) {
    const { code, constraint, message } = error as {
      code?: string
      constraint?: string
      message: string
    }
    return code === "23514" ? constraint : message
  }
}

describe("a build", () => {
  test("of a workspace whose last one is active is refused", async () => {
    const { workspace } = await given()
    for (const status of ["pending", "running", "canceling"] as const) {
      const active = await givenBuild(workspace, { status })
      expect(await brokenBy(givenBuild(workspace, { transition: "stop" }))).toBe(
        "workspace_builds_follow_an_ended_one",
      )
      await query("update provisioner_jobs set started_at = $2, completed_at = $2 where id = $1", [
        active.jobId,
        epoch,
      ])
    }
    expect(await brokenBy(givenBuild(workspace, { transition: "stop" }))).toBe(null)
  })

  test("that leaves a gap is refused; one that ends with its follow-up is not", async () => {
    const { workspace, template } = await given({ build: { status: "running" } })
    const insert = (
      number: number,
    ) => `insert into workspace_builds (id, workspace_id, template_version_id, build_number,
      transition,
        initiator_id, job_id, created_at, updated_at)
      select gen_random_uuid(), b.workspace_id, b.template_version_id, ${number}, 'stop',
        b.initiator_id, made.id, b.created_at, b.created_at
      from made, workspace_builds b where b.workspace_id = $1 and b.build_number = 1`
    const job = `made as (
      insert into provisioner_jobs (id, organization_id, initiator_id, type, file_id, input,
        tags, created_at, updated_at)
      select gen_random_uuid(), organization_id, initiator_id, type, file_id, input, tags,
        created_at, updated_at
      from provisioner_jobs where id = $2 returning id)`
    const ended = "ended as (update provisioner_jobs set completed_at = started_at where id = $2)"
    const params = [workspace.id, workspace.build.jobId]
    const gap = "workspace_builds_follow_an_ended_one"
    expect(await brokenBy(query(`with ${job}, ${ended} ${insert(3)}`, params))).toBe(gap)
    expect(await brokenBy(query(`with ${job}, ${ended} ${insert(2)}`, params))).toBe(null)
    const [row] = await query("select latest_build_number as n from workspaces where id = $1", [
      workspace.id,
    ])
    expect(row.n).toBe(2)
    expect(template.id).toBe(workspace.template.id)
  })
})

test("a job ends once: not again, not at another instant, without a new start", async () => {
  const { workspace } = await given()
  const end = (at: Date | null) =>
    query("update provisioner_jobs set completed_at = $2 where id = $1", [
      workspace.build.jobId,
      at,
    ])
  expect(await brokenBy(end(afterEpoch(1_000)))).toBe("provisioner_jobs_end_once")
  expect(await brokenBy(end(null))).toBe("provisioner_jobs_end_once")
  expect(await brokenBy(end(epoch))).toBe(null)
})

describe("a dormancy that nobody asked for", () => {
  type Parts = { audit: boolean; message: boolean }
  const goDormant = (id: string, { audit, message }: Parts) =>
    query(
      `with gone as (update workspaces set dormant_at = $2 where id = $1 returning *)
       ${
         audit
           ? `, audited as (insert into audit_logs (id, time, request_id, resource_type,
             resource_id, resource_target, action, status_code)
         select gen_random_uuid(), $2, '', 'workspace', id, name, 'write', 200 from gone)`
           : ""
       }
       ${
         message
           ? `, told as (insert into notification_messages (id, idempotency_key, template_id,
             user_id, labels, targets, created_by, next_attempt_at, created_at)
         select gen_random_uuid(), 'dormant:' || id || ':' || extract(epoch from dormant_at),
           gen_random_uuid(), owner_id, '{}', '{}', '', $2, $2 from gone)`
           : ""
       }
       select id from gone`,
      [id, afterEpoch(60_000)],
    )

  test.each<[string, Parts & { runs: boolean }, string | null]>([
    [
      "with neither",
      { audit: false, message: false, runs: false },
      "workspaces_dormancy_is_audited",
    ],
    [
      "without its audit row",
      { audit: false, message: true, runs: false },
      "workspaces_dormancy_is_audited",
    ],
    [
      "without its message",
      { audit: true, message: false, runs: false },
      "workspaces_dormancy_is_notified",
    ],
    [
      "without a stop of what runs",
      { audit: true, message: true, runs: true },
      "workspaces_dormancy_stops",
    ],
    ["whole", { audit: true, message: true, runs: false }, null],
  ])("%s", async (_, { runs, ...parts }, broken) => {
    const { workspace } = await given({ build: { transition: runs ? "start" : "stop" } })
    expect(await brokenBy(goDormant(workspace.id, parts))).toBe(broken)
    const [row] = await query(
      "select dormant_at is not null as is_dormant from workspaces where id = $1",
      [workspace.id],
    )
    expect(row.is_dormant).toBe(broken === null)
  })

  test("is refused with an audit row of another transaction", async () => {
    const { workspace } = await given({ build: { transition: "stop" } })
    await givenDormancy(workspace.id, epoch)
    await query("update workspaces set dormant_at = null where id = $1", [workspace.id])
    expect(await brokenBy(goDormant(workspace.id, { audit: false, message: true }))).toBe(
      "workspaces_dormancy_is_audited",
    )
  })
})

describe("a person's change without an audit row is refused, the system's is not", () => {
  // A statement of a request: who authenticated is published to its transaction.
  const asPerson = (userId: string, write: string, params: unknown[]) =>
    query(
      `with actor as materialized (
         select set_config('dormouse.actor', json_build_object('kind', 'user', 'id',
           $${params.length + 1}::text)::text, true)
       ), who as materialized (select count(*) from actor) ${write}`,
      [...params, userId],
    )

  test.each([
    ["users_audited", "users", "status = 'suspended'"],
    ["users_audited", "users", "site_roles = '{auditor}'"],
    ["users_audited", "users", "deleted = true"],
    ["workspaces_audited", "workspaces", "name = name || '-2'"],
    ["workspaces_audited", "workspaces", "automatic_updates = 'always'"],
    ["workspaces_audited", "workspaces", "ttl_ms = 60000"],
    ["workspaces_audited", "workspaces", "autostart_schedule = '0 9 * * 1-5'"],
    ["templates_audited", "templates", "failure_ttl_ms = 60000"],
    ["templates_audited", "templates", "deleted = true"],
    ["template_versions_audited", "template_versions", "archived = true"],
    ["template_versions_audited", "template_versions", "message = 'new'"],
  ])("%s: %s, %s", async (constraint, table, change) => {
    const { user, template, workspace } = await given()
    const { version } = template
    const id = {
      users: user.id,
      workspaces: workspace.id,
      templates: template.id,
      template_versions: version.id,
    }[table]
    const write = `update ${table} set ${change} from who
      where ${table}.id = $1 returning ${table}.id`
    expect(await brokenBy(asPerson(user.id, write, [id]))).toBe(constraint)
    expect(await brokenBy(query(`update ${table} set ${change} where id = $1`, [id]))).toBe(null)
  })

  test.each([
    ["users_audited", "users", "username = username || '-2', email = 'x' || email"],
    ["workspaces_audited", "workspaces", "name = name || '-2'"],
    ["templates_audited", "templates", "name = name || '-2'"],
    ["template_versions_audited", "template_versions", "name = name || '-2'"],
  ])("%s: a new row of %s", async (constraint, table) => {
    const { user, template, workspace } = await given()
    const id = {
      users: user.id,
      workspaces: workspace.id,
      templates: template.id,
      template_versions: template.version.id,
    }[table]
    const names: Record<string, string> = {
      users: `'username', 'n-' || left(t.id::text, 8), 'email', t.id || '@example.test'`,
      workspaces: `'name', 'n-' || left(t.id::text, 8), 'latest_build_id', null,
        'latest_build_number', 0`,
      templates: `'name', 'n-' || left(t.id::text, 8)`,
      template_versions: `'name', 'n-' || left(t.id::text, 8), 'job_id', (select job_id
        from workspace_builds where template_version_id = t.id)`,
    }
    const write = `insert into ${table}
      select r.* from ${table} t, who, jsonb_populate_record(t, jsonb_build_object('id',
        gen_random_uuid(), ${names[table]})) r
      where t.id = $1 returning id`
    expect(await brokenBy(asPerson(user.id, write, [id]))).toBe(constraint)
    expect(await brokenBy(query(`with who as (select 1) ${write}`, [id]))).toBe(null)
  })

  test.each([
    [
      "provisioner_keys_audited",
      "a provisioner key",
      `insert into provisioner_keys (id, organization_id, name, hashed_secret, tags, created_at)
       select gen_random_uuid(), m.organization_id, gen_random_uuid()::text,
         sha256(m.user_id::text::bytea),
         '{}', now() from organization_members m, who where m.user_id = $1 returning id`,
    ],
    [
      "api_keys_audited",
      "a token of one's own",
      "delete from api_keys using who where user_id = $1 returning id",
    ],
    [
      "api_keys_audited",
      "a new session",
      `insert into api_keys select r.* from api_keys t, who, jsonb_populate_record(t,
        jsonb_build_object('id', left(md5(t.id), 10))) r
       where t.user_id = $1 returning id`,
    ],
    [
      "organization_members_audited",
      "roles",
      `update organization_members set roles = '{organization-admin}' from who
        where user_id = $1 returning user_id`,
    ],
    [
      "organization_members_audited",
      "a membership",
      "delete from organization_members using who where user_id = $1 returning user_id",
    ],
    [
      "site_configs_audited",
      "whether pools are paused",
      `insert into site_configs (key, value) select 'prebuilds_settings',
        jsonb_build_object('by', $1::text) from who
       on conflict (key) do update set value = excluded.value returning key`,
    ],
  ])("%s: %s", async (constraint, _, write) => {
    const { user } = await given()
    expect(await brokenBy(asPerson(user.id, write, [user.id]))).toBe(constraint)
    expect(await brokenBy(query(`with who as (select 1) ${write}`, [user.id]))).toBe(null)
  })

  test("a change of neither of these, as a heartbeat makes it, is not looked at", async () => {
    const { user, workspace } = await given()
    const write = "update workspaces set last_used_at = $2 from who where id = $1 returning id"
    expect(await brokenBy(asPerson(user.id, write, [workspace.id, afterEpoch(1_000)]))).toBe(null)
  })
})

test("a daemon's end of a build without an audit row is refused", async () => {
  const { workspace } = await given({ build: { status: "running" } })
  const end = (kind: string) =>
    query(
      `with actor as materialized (
         select set_config('dormouse.actor', json_build_object('kind', $2::text)::text, true)
       ) update provisioner_jobs set completed_at = started_at from (select count(*)
         from actor) who where id = $1 returning id`,
      [workspace.build.jobId, kind],
    )
  expect(await brokenBy(end("provisioner"))).toBe("provisioner_jobs_end_audited")
  expect(await brokenBy(end("nobody"))).toBe(null)
})

test("more use than a half hour holds is refused, so nothing is counted twice", async () => {
  const { user, template } = await given()
  const useOf = (seconds: number) =>
    query(
      `insert into template_usage_stats (start_time, template_id, user_id,
        usage_seconds) values ($1, $2, $3, $4)`,
      [afterEpoch(seconds * 1_800_000), template.id, user.id, seconds],
    )
  expect(await brokenBy(useOf(1_800))).toBe(null)
  expect(await brokenBy(useOf(1_801))).toBe("template_usage_stats_half_hour")
  expect(await brokenBy(useOf(-1))).toBe("template_usage_stats_half_hour")
})
