// How often a request goes to the database, counted where the driver's calls leave for the endpoint.
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

/** Asks each once, and returns those that took another number of round trips than `isRight` allows. */
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

/** Waits until nothing has been asked for a moment: what a call leaves running is not to be counted with the next. */
async function rest(): Promise<void> {
  for (let seen = -1; seen !== calls;) {
    seen = calls
    await scheduler.wait(20)
  }
}

test("the workspaces' list and a workspace by its id take one, authentication included", async () => {
  const asked = operations.filter((operation) =>
    ["GET /workspaces", "GET /workspaces/{workspace}"].includes(routeOf(operation)),
  )
  expect(asked).toHaveLength(2)
  for (const headers of [world.headers.owner, { "Coder-Session-Token": place.self.token }]) {
    expect(await tooMany(asked, headers, isOne)).toEqual([])
  }
})

test("every call of an agent takes one, authentication included", async () => {
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
  // Those that are held come last, or what is written when they end would be counted with another; and minutes later, since one of
  // the others has deleted an agent: a hub that was just told of such a thing has whoever comes look again.
  at(afterEpoch(300_000))
  for (const route of held) {
    const ofRoute = asked.filter((each) => routeOf(each) === route)
    expect(ofRoute).toHaveLength(1)
    await rest()
    expect(await tooMany(ofRoute, headers, isOne)).toEqual([])
  }
  at(epoch)
})

test("any other GET takes two at most", async () => {
  const asked = operations.filter((operation) => {
    const outcome = outcomeOf(ruleOf(operation), "owner")
    return operation.method === "GET" && outcome === "well"
  })
  expect(asked.length).toBeGreaterThan(70)
  expect(await tooMany(asked, world.headers.owner, (count) => count <= 2)).toEqual([])
})

test("what is refused for its shape never reaches the database", async () => {
  const before = calls
  for (const operation of operations.filter((each) => outcomeOf(ruleOf(each), "nobody") === 401)) {
    for (const headers of [world.headers.nobody, world.headers.malformed]) {
      expect((await ask(operation, requestOf(operation, place), headers)).status).toBe(401)
    }
  }
  expect(calls - before).toBe(0)
})
