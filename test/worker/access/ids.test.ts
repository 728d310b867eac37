// Every route that takes an id or a name, with a malformed, an unknown and a deleted one.
import { beforeAll, expect, test } from "vitest"
import { query } from "../harness.ts"
import { ask } from "./matrix/ask.ts"
import { readOperations } from "./matrix/operations.ts"
import { givenPlace, type Place } from "./matrix/place.ts"
import { givenWorld, type World } from "./matrix/principals.ts"
import { paramsOf, requestOf, routeOf, type Operation, type PathParam } from "./matrix/requests.ts"
import { outcomeOf, rules, rulesOf } from "./matrix/rules.ts"

const uuids = new Set(
  (
    "workspace agent subagent build template version file dryrun job heldjob notice webhook " +
    "daemon session"
  ).split(" "),
)
/** Parameters that the caller makes up: they name nothing that is stored. */
const free = new Set(["key", "session", "os", "arch"])

let operations: Operation[]
let world: World
let place: Place
let gone: Place

beforeAll(async () => {
  operations = await readOperations()
  world = await givenWorld()
  place = await givenPlace(world.organization, world.provisioner)
  gone = await givenPlace(world.organization, world.provisioner)
  await query("update users set deleted = true where id = $1", [gone.self.id])
  await query("update workspaces set deleted = true where owner_id = $1", [gone.self.id])
  await query("update workspace_agents set deleted = true where id = $1", [gone.agent.id])
  await query("update templates set deleted = true where id = $1", [gone.templateId])
})

/** A caller who would be allowed if the thing existed. */
function headersFor(operation: Operation): Record<string, string> {
  const [name = ""] = rulesOf(routeOf(operation))
  const rule = rules[name]!
  if (outcomeOf(rule, "owner") !== 401) return world.headers.owner
  return outcomeOf(rule, "agent") === "well"
    ? { "Coder-Session-Token": place.agent.token }
    : world.headers.provisioner
}

const parameters = () =>
  operations.flatMap((operation) => paramsOf(operation.path).map((param) => ({ operation, param })))

/** Sends a request with each such parameter and returns the unexpected answers. */
async function wrongAnswers(
  isAsked: (param: PathParam) => boolean,
  value: (param: PathParam) => string,
  expected: (operation: Operation, param: PathParam) => { status: number; text?: string },
  headers = headersFor,
) {
  const wrong: string[] = []
  for (const { operation, param } of parameters().filter((each) => isAsked(each.param))) {
    const request = requestOf(operation, place, { [param.name]: value(param) })
    const { status, text } = await ask(operation, request, headers(operation))
    const due = expected(operation, param)
    if (status !== due.status || (due.text !== undefined && !text.includes(due.text)))
      wrong.push(
        `${routeOf(operation)}, {${param.name}}: ${due.status} expected, got ${status} ${text}`,
      )
  }
  return wrong
}

const notFound = { status: 404 }

test("a malformed id answers 400 with the text of the API", async () => {
  expect(
    await wrongAnswers(
      ({ meaning }) => uuids.has(meaning),
      () => "not-a-uuid",
      () => ({ status: 400, text: 'Invalid UUID \\"not-a-uuid\\".' }),
    ),
  ).toEqual([])
})

test("an unknown id answers 404", async () => {
  expect(
    await wrongAnswers(
      ({ meaning }) => uuids.has(meaning) && !free.has(meaning),
      () => crypto.randomUUID(),
      () => notFound,
    ),
  ).toEqual([])
})

const isName = ({ meaning }: PathParam) =>
  !uuids.has(meaning) && !free.has(meaning) && meaning !== "number"

test.each(["nothing-here", "no name at all!", "x".repeat(300), "%00", "'; select 1 --"])(
  "404 for the name %j",
  async (name) => {
    expect(
      await wrongAnswers(
        isName,
        () => name,
        () => notFound,
      ),
    ).toEqual([])
  },
)

test("the id of a deleted thing answers 404", async () => {
  const deleted = new Set(["user", "workspacename", "agent", "template", "templatename"])
  expect(
    await wrongAnswers(
      ({ meaning }) => deleted.has(meaning),
      ({ meaning }) => (meaning === "user" ? gone.self.id : gone.params[meaning]!),
      () => notFound,
    ),
  ).toEqual([])
})

test("a deleted workspace keeps a readable history and accepts no change", async () => {
  const own: Record<string, number> = {
    "GET /workspaces/{workspace}": 410,
    // This request changes nothing.
    "PATCH /workspaces/{workspace}": 204,
    "POST /workspaces/{workspace}/builds": 409,
  }
  const history = ["builds", "timings", "lifecycle", "resolve-autostart", "watch", "watch-ws"]
  const isHistory = ({ path }: Operation) =>
    history.some((part) => path.endsWith(`{workspace}/${part}`))
  const workspaces = () =>
    query("select * from workspaces where id = $1", [gone.params["workspace"]])
  const before = await workspaces()
  expect(
    await wrongAnswers(
      ({ meaning }) => meaning === "workspace",
      ({ meaning }) => gone.params[meaning]!,
      (operation) => {
        const status = own[routeOf(operation)]
        if (status !== undefined) return { status }
        if (operation.path.endsWith("watch-ws")) return { status: 101 }
        return { status: operation.method === "GET" && isHistory(operation) ? 200 : 404 }
      },
    ),
  ).toEqual([])
  expect(await workspaces()).toEqual(before)
})

test("a caller without a credential gets 401, whatever the id", async () => {
  for (const headers of [world.headers.nobody, world.headers.expired]) {
    expect(
      await wrongAnswers(
        ({ meaning }) => !free.has(meaning),
        () => "not-a-uuid",
        () => ({ status: 401 }),
        () => headers,
      ),
    ).toEqual([])
  }
})
