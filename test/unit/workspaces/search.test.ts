// The workspace search language against the group `workspaceSearch`, and its shared grammar on
// hostile text.
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { parseWorkspaceSearch, type WorkspaceFilter } from "../../../src/workspaces/list/search.ts"
import { prebuilds as cases } from "../../cases/read.ts"

type Row = {
  name: string
  q: string
  expected?: Record<string, unknown>
  error?: { field: string; contains: string }
}

const rows = cases.groups.workspaceSearch as Row[]

// The names that the rows take for granted; SQL resolves them in the real thing.
const organizations: Record<string, string> = { foobar: "08eb6715-02f8-45c5-b86d-03786fcfbb4e" }
const users: Record<string, string> = { wibble: "3dd8b1b8-dff5-4b22-8ae9-c243ca136ecf" }
const groups: Record<string, string> = {
  "/wibble": "590f1006-15e6-4b21-a6e1-92e33af8a5c3",
  "wibble/wobble": "3c831688-0a5a-45a2-a796-f7648874df34",
  "wibble/supportshare": "1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d",
}

function asRow(filter: WorkspaceFilter) {
  const { organization, params, sharedWithUser, sharedWithGroup, hasAiTask, ...rest } = filter
  const group = sharedWithGroup && `${sharedWithGroup.organization ?? ""}/${sharedWithGroup.group}`
  return {
    ...rest,
    hasAITask: hasAiTask,
    organizationId: organization && (organizations[organization] ?? organization),
    paramNames: params?.map((param) => param.name),
    paramValues: params?.map((param) => param.value),
    sharedWithUserId: sharedWithUser && (users[sharedWithUser] ?? sharedWithUser),
    sharedWithGroupId: group && groups[group],
    lastUsedAfter: filter.lastUsedAfter?.toISOString().replace(".000Z", "Z"),
  }
}

describe("workspaceSearch", () => {
  test.each(rows.filter((row) => row.expected))("$name: $q", ({ q, expected }) => {
    const { filter, issues } = parseWorkspaceSearch(q)
    expect(issues).toBeNull()
    expect(asRow(filter!)).toEqual(expected)
  })

  test.each(rows.filter((row) => row.error))("$name: $q is refused", ({ q, error }) => {
    const { issues } = parseWorkspaceSearch(q)
    expect(issues).toContainEqual({
      field: error!.field,
      detail: expect.stringContaining(error!.contains),
    })
  })

  test("every wrong value and every unknown key is named in one answer", () => {
    const { issues } = parseWorkspaceSearch("status:bogus foo:bar outdated:maybe")
    expect(issues?.map((issue) => issue.field).toSorted()).toEqual(["foo", "outdated", "status"])
  })

  test.each([
    ['param:"repo=https://host/?a=b,c"', [{ name: "repo", value: "https://host/?a=b,c" }]],
    ['param:repo="https://host/?a=b,c"', [{ name: "repo", value: "https://host/?a=b,c" }]],
    [
      'param:a=1,"b=2,3"',
      [
        { name: "a", value: "1" },
        { name: "b", value: "2,3" },
      ],
    ],
  ])("%s finds the quoted value", (q, params) => {
    expect(parseWorkspaceSearch(q).filter?.params).toEqual(params)
  })

  test("an unquoted value with a second = is refused", () => {
    expect(parseWorkspaceSearch("param:a=b=c").issues).toMatchObject([{ field: "param" }])
  })

  test("shared_with_group refuses a second slash with the pattern", () => {
    expect(parseWorkspaceSearch("shared_with_group:a/b/c").issues).toMatchObject([
      {
        detail: expect.stringContaining(
          "the filter must be in the pattern of <organization name>/<group name>",
        ),
      },
    ])
  })

  test("outdated without a value counts as true", () => {
    expect(parseWorkspaceSearch('outdated:""').filter?.usingActive).toBe(false)
  })

  test("no text makes it throw", () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom(":", "/", '"', " ", "=", ",", "a", "%", "\\", "owner:"),
        }),
        (q) => {
          const { filter, issues } = parseWorkspaceSearch(q)
          expect(filter === null).toBe(issues !== null)
        },
      ),
    )
  })
})
