// Database round trips of requests, counted where the driver calls the endpoint.
import { neonConfig } from "@neondatabase/serverless"
import { afterAll, beforeAll, expect, test } from "vitest"
import { afterEpoch, at, epoch } from "../harness.ts"
import { ask } from "./matrix/ask.ts"
import { readOperations } from "./matrix/operations.ts"
import { givenPlace, type Place } from "./matrix/place.ts"
import { givenWorld, type World } from "./matrix/principals.ts"
import { requestOf, routeOf, type Operation } from "./matrix/requests.ts"
import { outcomeOf, rules, rulesOf } from "./matrix/rules.ts"

let operations: Operation[]
let world: World
let place: Place
let calls = 0
const send: typeof fetch = neonConfig.fetchFunction

beforeAll(async () => {
  operations = await readOperations()
  world = await givenWorld()
  place = await givenPlace(world.organization, world.provisioner)
  neonConfig.fetchFunction = (...call: Parameters<typeof fetch>) => {
    calls += 1
    return send(...call)
  }
})

afterAll(() => {
  neonConfig.fetchFunction = send
})

const ruleOf = (operation: Operation) => rules[rulesOf(routeOf(operation))[0] ?? ""]!

/** Sends each request once and returns those whose number of round trips `isRight` rejects. */
async function tooMany(
  asked: Operation[],
  headers: Record<string, string>,
  isRight: (count: number) => boolean,
) {
  const wrong: string[] = []
  for (const operation of asked) {
    const request = requestOf(operation, place)
    const before = calls
    const { status, text } = await ask(operation, request, headers)
    const count = calls - before
    const isAnswered = status < 400 || status === request.answer
    if (!isAnswered || !isRight(count))
      wrong.push(`${routeOf(operation)}: ${count} (${status} ${text})`)
  }
  return wrong
}

const isOne = (count: number) => count === 1

/**
 * Waits until the database is idle, so that trailing work of one call is not counted with the next.
 */
async function rest(): Promise<void> {
  for (let seen = -1; seen !== calls;) {
    seen = calls
    await scheduler.wait(20)
  }
}

test("the list of workspaces and a workspace by id take one round trip each", async () => {
  const asked = operations.filter((operation) =>
    ["GET /workspaces", "GET /workspaces/{workspace}"].includes(routeOf(operation)),
  )
  expect(asked).toHaveLength(2)
  for (const headers of [world.headers.owner, { "Coder-Session-Token": place.self.token }]) {
    expect(await tooMany(asked, headers, isOne)).toEqual([])
  }
})

test("every call of an agent takes one round trip with authentication", async () => {
  const asked = operations.filter((operation) => ruleOf(operation).credential === "agent")
  expect(asked.length).toBeGreaterThan(10)
  const headers = { "Coder-Session-Token": place.agent.token }
  const held = ["GET /workspaceagents/me/reinit", "GET /workspaceagents/me/connect"]
  const isHeld = (operation: Operation) => held.includes(routeOf(operation))
  const others = asked.filter((operation) => !isHeld(operation))
  for (const operation of others) {
    await rest()
    expect(await tooMany([operation], headers, isOne)).toEqual([])
  }
  // Held requests come last: what they write when they end would count with another request. They
  // run minutes later, because another request has deleted an agent: a hub that was just notified
  // of a deletion makes each new connection read again.
  at(afterEpoch(300_000))
  for (const route of held) {
    const ofRoute = asked.filter((each) => routeOf(each) === route)
    expect(ofRoute).toHaveLength(1)
    await rest()
    expect(await tooMany(ofRoute, headers, isOne)).toEqual([])
  }
  at(epoch)
})

test("any other GET takes at most two round trips", async () => {
  const asked = operations.filter((operation) => {
    const outcome = outcomeOf(ruleOf(operation), "owner")
    return operation.method === "GET" && outcome === "well"
  })
  expect(asked.length).toBeGreaterThan(70)
  expect(await tooMany(asked, world.headers.owner, (count) => count <= 2)).toEqual([])
})

test("a request refused for its shape never reaches the database", async () => {
  const before = calls
  for (const operation of operations.filter((each) => outcomeOf(ruleOf(each), "nobody") === 401)) {
    for (const headers of [world.headers.nobody, world.headers.malformed]) {
      expect((await ask(operation, requestOf(operation, place), headers)).status).toBe(401)
    }
  }
  expect(calls - before).toBe(0)
})
