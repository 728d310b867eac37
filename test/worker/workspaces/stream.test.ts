// The list without a limit: read in pages of bounded size, each workspace once and in order, in as
// few round trips as pages.
import { beforeAll, describe, expect, test } from "vitest"
import { listWorkspaces, streamPageMax } from "../../../src/workspaces/list/list.ts"
import { givenOrganization, givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate, type GivenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { api, epoch, query } from "../harness.ts"
import { callerThat, givenCopies } from "./given-many.ts"

const copies = 2 * streamPageMax + 37

let admin: GivenUser
let template: GivenTemplate
let names: string[]

beforeAll(async () => {
  const organization = await givenOrganization()
  admin = await givenUser({ organization, organizationRoles: ["organization-admin"] })
  template = await givenTemplate(admin)
  const pattern = await givenWorkspace(admin, template, { columns: { name: "pattern" } })
  await givenCopies(pattern, copies)
  const rows = await query<{ name: string }>(
    `select name from workspaces where organization_id = $1
     order by not favorite, latest_transition <> 'start', lower(owner_name), lower(name)`,
    [organization.id],
  )
  names = rows.map(({ name }) => name)
})

const asAdmin = { organization: ["organization-admin"] }

describe("a list without a limit", () => {
  test("holds everything once, in order, with the count", async () => {
    const { status, headers, body } = await api("/api/v2/workspaces?q=", { token: admin.token })
    expect(status).toBe(200)
    expect(headers.get("Content-Type")).toBe("application/json; charset=utf-8")
    expect(body.count).toBe(copies + 1)
    expect(body.workspaces.map((workspace: { name: string }) => workspace.name)).toEqual(names)
  })

  test("begins at an offset", async () => {
    const { body } = await api("/api/v2/workspaces?offset=530", { token: admin.token })
    expect(body.workspaces.map((workspace: { name: string }) => workspace.name)).toEqual(
      names.slice(530),
    )
    expect(body.count).toBe(copies + 1)
  })

  test("never reads more than a page at once, and reads on only when it is asked to", async () => {
    let largest = 0
    let readings = 0
    const caller = callerThat(admin, asAdmin, (rows) => {
      largest = Math.max(largest, rows)
      readings += 1
    })
    const list = await listWorkspaces(caller, {}, { limit: 0, offset: 0 }, false, epoch)
    const before = readings
    expect(list.first).toHaveLength(streamPageMax)
    let total = list.first.length
    for await (const page of list.rest!) total += page.length
    expect(total).toBe(copies + 1)
    expect(before).toBe(3)
    expect(largest).toBe(streamPageMax)
  })

  test.each([499, 500, 501])("that ends at %i is complete", async (limit) => {
    const { body } = await api(`/api/v2/workspaces?offset=${names.length - limit}`, {
      token: admin.token,
    })
    expect(body.workspaces).toHaveLength(limit)
  })
})

test("a page is three statements in one round trip, however many agents hang on it", async () => {
  const caller = callerThat(admin, asAdmin, () => {})
  const workspace = await givenWorkspace(admin, template)
  await query(
    `with r as (insert into workspace_resources (id, job_id, transition, type, name, created_at)
       values (gen_random_uuid(), $1, 'start', 'compute', 'main', $2) returning id)
     insert into workspace_agents (id, resource_id, workspace_id, build_id, name, created_at,
       updated_at)
     select gen_random_uuid(), r.id, $3, $4, 'agent-' || n, $2, $2 from r,
       generate_series(1, 200) n`,
    [workspace.build.jobId, epoch, workspace.id, workspace.build.id],
  )
  let statements = 0
  let roundTrips = 0
  const counted = {
    ...caller,
    batch: (async (asked: readonly unknown[]) => {
      roundTrips += 1
      statements += asked.length + 1
      return caller.batch(asked as never)
    }) as typeof caller.batch,
  }
  const list = await listWorkspaces(
    counted,
    { name: workspace.name },
    { limit: 25, offset: 0 },
    false,
    epoch,
  )
  expect(list.first[0]!.latest_build.resources[0]!.agents).toHaveLength(200)
  expect([roundTrips, statements]).toEqual([1, 3])
})
