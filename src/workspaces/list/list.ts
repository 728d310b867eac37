// The body of the list: whole for a page, streamed in keyset pages without a limit.
import type { Caller } from "../../access/caller.ts"
import { badRequest } from "../../platform/http/errors.ts"
import { wireJson } from "../../platform/http/json.ts"
import { namedThings } from "./filter.ts"
import type { WorkspaceFilter } from "./search.ts"
import { countMatches, listPage } from "../statements.ts"
import { toWorkspaceView, type WorkspaceView } from "../view.ts"

/** The most workspaces in memory for a list without a limit. */
export const streamPageMax = 500

export type WorkspaceList = {
  count: number
  first: WorkspaceView[]
  /**
   * The pages after the first, each read once the client took the one before. Null if none
   * follow.
   */
  rest: AsyncIterable<WorkspaceView[]> | null
}

/**
 * `limit` 0 means all. Takes one round trip for the first page and the count, then one per page.
 */
export async function listWorkspaces(
  caller: Caller,
  filter: WorkspaceFilter,
  { limit, offset }: { limit: number; offset: number },
  allowRenames: boolean,
  now: Date,
): Promise<WorkspaceList> {
  const pageLimit = limit === 0 ? streamPageMax : limit
  const [rows, counts] = await caller.batch([
    listPage(filter, { limit: pageLimit, offset, after: null }, now),
    countMatches(filter, now),
  ])
  const { count = 0, found = [] } = counts[0] ?? {}
  const missing = namedThings(filter)
    .filter((_, index) => found[index] !== true)
    // A group's organization is named before the group, and its problem alone is reported.
    .filter(({ field }, index, all) => all.findIndex((one) => one.field === field) === index)
  if (missing.length > 0) {
    throw invalidSearch(missing.map(({ field, problem }) => ({ field, detail: problem })))
  }
  const viewer = { userId: (await caller.actor()).id, allowRenames }
  const first = rows.map((row) => toWorkspaceView(row, viewer, now))

  async function* pagesAfter() {
    let last = rows.at(-1)
    while (last !== undefined) {
      const page = await caller.query(
        listPage(filter, { limit: streamPageMax, offset: 0, after: last }, now),
      )
      if (page.length > 0) yield page.map((row) => toWorkspaceView(row, viewer, now))
      last = page.length < streamPageMax ? undefined : page.at(-1)
    }
  }

  return { count, first, rest: limit === 0 && rows.length === streamPageMax ? pagesAfter() : null }
}

export function invalidSearch(validations: { field: string; detail: string }[]) {
  return badRequest("Invalid workspace search query.", { validations })
}

/** The list as JSON text. A page is read when the client has taken the one before. */
export function streamList({ count, first, rest }: WorkspaceList): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const parts = listParts(first, rest, count)
  return new ReadableStream({
    async pull(controller) {
      const part = await parts.next()
      if (part.done) controller.close()
      else controller.enqueue(encoder.encode(part.value))
    },
    async cancel() {
      await parts.return(undefined)
    },
  })
}

async function* listParts(
  first: WorkspaceView[],
  rest: AsyncIterable<WorkspaceView[]> | null,
  count: number,
): AsyncGenerator<string, undefined> {
  yield `{"workspaces":[${items(first)}`
  for await (const page of rest ?? []) yield `,${items(page)}`
  yield `],"count":${count}}\n`
  return undefined
}

function items(page: WorkspaceView[]): string {
  return page.map((workspace) => wireJson(workspace).trimEnd()).join(",")
}
