// The access matrix: every route of the document with every principal.
//
// The rules name the expected answers.
import { beforeAll, describe, expect, test } from "vitest"
import { query } from "../harness.ts"
import { ask } from "./matrix/ask.ts"
import { readOperations } from "./matrix/operations.ts"
import { givenPlace, type Place } from "./matrix/place.ts"
import {
  anotherSession,
  givenWorld,
  people,
  refused,
  type Principal,
  type World,
} from "./matrix/principals.ts"
import { isOnce, requestOf, routeOf, type Operation, type RouteRequest } from "./matrix/requests.ts"
import { outcomeOf, rules, rulesOf } from "./matrix/rules.ts"

const principals: readonly Principal[] = [...people, ...refused]

let operations: Operation[]
let world: World
/** All principals read it; those without permission try to change it. */
let shared: Place
let sharedBefore: unknown
/** The place that permitted principals change. */
let changing: Place

beforeAll(async () => {
  operations = await readOperations()
  world = await givenWorld()
  shared = await givenPlace(world.organization, world.provisioner)
  changing = await givenPlace(world.organization, world.provisioner)
  sharedBefore = await rowsOf(shared)
})

/** A refused request must change nothing, so it uses the shared place. */
async function placeFor(operation: Operation, outcome: number | "well"): Promise<Place> {
  if (outcome !== "well" || operation.method === "GET") return shared
  return isOnce(operation) ? givenPlace(world.organization, world.provisioner) : changing
}

async function headersOf({ path }: Operation, principal: Principal, place: Place) {
  if (principal === "self") return { "Coder-Session-Token": place.self.token }
  if (principal === "agent") return { "Coder-Session-Token": place.agent.token }
  // Signing out ends a session of its own, not the one of the other requests.
  const isEnding = path === "/users/logout" && people.some((person) => person === principal)
  return isEnding ? anotherSession(world.headers[principal]) : world.headers[principal]
}

const isWell = (status: number, request: RouteRequest) =>
  request.answer === undefined ? status < 400 : status === request.answer

test("each route falls under one rule, and each rule has a route", () => {
  expect(operations.length).toBeGreaterThan(150)
  expect(operations.filter((operation) => rulesOf(routeOf(operation)).length !== 1)).toEqual([])
  const used = new Set(operations.flatMap((operation) => rulesOf(routeOf(operation))))
  expect(Object.keys(rules).filter((name) => !used.has(name))).toEqual([])
})

describe.each(Object.keys(rules))("%s", (name) => {
  test.each(principals)("asked by %s", { timeout: 300_000 }, async (principal) => {
    const judge = async (operation: Operation): Promise<string[]> => {
      const outcome = outcomeOf(rules[name]!, principal)
      const place = await placeFor(operation, outcome)
      const request = requestOf(operation, place)
      const { status, text } = await ask(
        operation,
        request,
        await headersOf(operation, principal, place),
      )
      const isRight = outcome === "well" ? isWell(status, request) : status === outcome
      return isRight ? [] : [`${routeOf(operation)}: ${outcome} expected, got ${status} ${text}`]
    }
    const asked = operations.filter((operation) => rulesOf(routeOf(operation)).includes(name))
    const isReading = ({ method }: Operation) => method === "GET"
    // Reads run in parallel; writes run in order.
    const wrong = (await Promise.all(asked.filter(isReading).map(judge))).flat()
    for (const operation of asked.filter((each) => !isReading(each)))
      wrong.push(...(await judge(operation)))
    expect(wrong).toEqual([])
  })
})

test("refused requests change nothing", async () => {
  expect(await rowsOf(shared)).toEqual(sharedBefore)
})

/** The rows that a refused request could have changed. */
async function rowsOf({ self, params, templateId }: Place): Promise<unknown> {
  const [rows] = await query(
    `select
      (select to_jsonb(u) from users u where u.id = $1) as account,
      (select jsonb_agg(k order by k.id) from api_keys k where k.user_id = $1) as keys,
      (select jsonb_agg(m order by m.organization_id) from organization_members m
      where m.user_id = $1) as memberships,
      (select jsonb_agg(n order by n.id) from inbox_notifications n
      where n.user_id = $1) as notices,
      (select jsonb_agg(w order by w.id) from workspaces w where w.owner_id = $1) as workspaces,
      (select jsonb_agg(b order by b.id) from workspace_builds b
        join workspaces w on w.id = b.workspace_id
        where w.owner_id = $1) as builds,
      (select jsonb_agg(j order by j.id) from provisioner_jobs j where j.initiator_id = $1) as jobs,
      (select to_jsonb(t) from templates t where t.id = $2) as template,
      (select jsonb_agg(v order by v.id) from template_versions v
      where v.created_by = $1) as versions,
      (select jsonb_agg(f order by f.id) from files f where f.created_by = $1) as files,
      (select jsonb_agg(k order by k.id) from provisioner_keys k where k.name = $3) as daemon_keys`,
    [self.id, templateId, params["provisionerkey"]],
  )
  return rows
}
