// Names that are path segments of routes cannot be taken.
import { beforeAll, expect, test } from "vitest"
import { isTemplateName, isUsername } from "../../../src/platform/names.ts"
import { reservedKeyNames } from "../../../src/queue/daemons/key-routes.ts"
import { readOperations } from "../access/matrix/operations.ts"
import type { Operation } from "../access/matrix/requests.ts"

let operations: Operation[]
beforeAll(async () => {
  operations = await readOperations()
})

const isParameter = (segment: string) => segment.startsWith("{")

/** Pairs of a literal and a parameter in the same place: `/users/login` and `/users/{user}`. */
function competingPairs() {
  const paths = [...new Set(operations.map(({ path }) => path))]
  return paths.flatMap((literal) =>
    paths.flatMap((parameter) => {
      const [left, right] = [literal.split("/"), parameter.split("/")]
      const at = left.findIndex((segment, index) => segment !== right[index])
      if (at === -1 || isParameter(left[at] ?? "") || !isParameter(right[at] ?? "")) return []
      const rest = left.slice(at + 1).every((segment, index) => segment === right[at + 1 + index])
      if (left.length !== right.length || !rest) return []
      return [{ literal, parameter, word: left[at] ?? "", name: right[at] ?? "" }]
    }),
  )
}

/** Why a word cannot be the value of the parameter. */
const reasons: [RegExp, (word: string) => boolean][] = [
  [/\/(users|members)\/\{user\}$/, (word) => !isUsername(word)],
  [/\/templates\/\{name\}$/, (word) => !isTemplateName(word)],
  // The rest of these paths is an id, which no word is.
  [/\/(templates\/\{id\}|workspaces\/\{workspace\}|workspaceagents\/\{agent\})/, () => true],
  [/\/keys\/\{keyid\}$/, (word) => word.length !== 10],
  [/\/provisionerkeys\/\{name\}$/, (word) => reservedKeyNames.has(word)],
  [/\/keys\/tokens\/\{keyname\}$/, (word) => word === "tokenconfig"],
]

test("every literal that competes with a parameter is no possible value of it", () => {
  const pairs = competingPairs()
  expect(pairs.length).toBeGreaterThan(10)
  const open = pairs.filter(({ parameter, word }) => {
    const reason = reasons.find(([pattern]) => pattern.test(parameter))
    return reason === undefined || !reason[1](word)
  })
  expect(open.map(({ literal, parameter }) => `${literal} and ${parameter}`)).toEqual([])
})
