// The plans that keep the list cheap: each search goes through the index made for it, and no page
// sorts the whole list.
import { env } from "cloudflare:workers"
import { sql, type SQL } from "drizzle-orm"
import { beforeAll, expect, test } from "vitest"
import { connect, statement } from "../../../src/platform/db/client.ts"
import { pageOf } from "../../../src/workspaces/list/page.ts"
import { parseWorkspaceSearch } from "../../../src/workspaces/list/search.ts"
import { workspaceByName } from "../../../src/workspaces/statements.ts"
import { givenOrganization, givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { epoch, query } from "../harness.ts"
import { actAs, givenCopies } from "./given-many.ts"

let admin: GivenUser
let member: GivenUser

beforeAll(async () => {
  const organization = await givenOrganization()
  admin = await givenUser({ organization, roles: ["owner"] })
  member = await givenUser({ organization })
  const template = await givenTemplate(admin)
  await givenWorkspace(member, template)
  await givenCopies(await givenWorkspace(admin, template), 6_000)
  // Spread over as many people as an organization has.
  await query(
    `with people as (
       insert into users (id, username, email, created_at, updated_at)
       select gen_random_uuid(), 'plan-' || n, 'plan-' || n || '@example.test', $1, $1
         from generate_series(0, 299) n
       returning id, username
     )
     select 1 from people`,
    [epoch],
  )
  await query(
    `update workspaces w set owner_id = u.id from users u
     where w.name like 'copy-%' and u.username = 'plan-' || right(w.name, 5)::int % 300`,
  )
  await query("vacuum analyze workspaces")
})

type Plan = {
  "Node Type": string
  "Index Name"?: string
  "Relation Name"?: string
  "Plan Rows": number
  Plans?: Plan[]
}

function planOf(user: GivenUser, site: string[], q: string): Promise<Plan[]> {
  const { filter } = parseWorkspaceSearch(q)
  return planOfQuery(user, site, pageOf(filter!, { limit: 25, offset: 0, after: null }, epoch))
}

async function planOfQuery(user: GivenUser, site: string[], asked: SQL): Promise<Plan[]> {
  const [, rows] = await connect(env.DATABASE_URL).batch([
    actAs(user, { site }),
    statement<{ "QUERY PLAN": [{ Plan: Plan }] }>(
      "test.explain",
      sql`explain (format json) ${asked}`,
    ),
  ])
  const nodes: Plan[] = []
  const walk = (plan: Plan) => {
    nodes.push(plan)
    for (const child of plan.Plans ?? []) walk(child)
  }
  walk(rows[0]!["QUERY PLAN"][0].Plan)
  return nodes.filter((node) => node["Index Name"] ?? node["Relation Name"])
}

const indexesOf = (nodes: Plan[]) =>
  new Set(nodes.map((node) => node["Index Name"]).filter((name) => name?.startsWith("workspaces_")))

test.each([
  ["everything, for an admin", "", "workspaces_list_order"],
  ["what runs, for an admin", "status:running", "workspaces_list_order"],
])("%s, walks the list's own order", async (_, q, index) => {
  const nodes = await planOf(admin, ["owner"], q)
  expect(indexesOf(nodes)).toContain(index)
  expect(
    nodes.filter((node) => node["Node Type"] === "Seq Scan").map((node) => node["Relation Name"]),
  ).not.toContain("workspaces")
})

test("one's own goes by the owner", async () => {
  const nodes = await planOf(member, [], "owner:me")
  expect(nodes.map((node) => node["Node Type"])).not.toContain("Seq Scan")
  expect([...indexesOf(nodes)].every((name) => name === "workspaces_name_live")).toBe(true)
})

test.each(["copy-00042", "0042", "042", "y-0%42"])(
  "the name %j goes through the trigrams",
  async (name) => {
    expect(indexesOf(await planOf(admin, ["owner"], name))).toContain("workspaces_name_trgm")
  },
)

test("a name of two characters looks at the names alone", async () => {
  const nodes = await planOf(admin, ["owner"], "zz")
  expect(indexesOf(nodes)).not.toContain("workspaces_name_trgm")
  expect(new Set(nodes.map((node) => node["Relation Name"]).filter(Boolean))).toEqual(
    new Set(["workspaces"]),
  )
})

test("one by its owner and name goes by the name, dead or alive", async () => {
  const nodes = await planOfQuery(
    member,
    [],
    workspaceByName("plan-7", "copy-00007", true, epoch).sql,
  )
  for (const index of ["workspaces_name_live", "workspaces_name_deleted"]) {
    expect(indexesOf(nodes)).toContain(index)
  }
  expect(
    nodes.filter(
      (node) => node["Node Type"] === "Seq Scan" && node["Relation Name"] === "workspaces",
    ),
  ).toEqual([])
})
