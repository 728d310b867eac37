// Spreading wake-ups: one board per kind of job, and the next only if that one had too few.
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { type Offer, spreadWakes } from "../../../src/queue/notify/spread-wakes.ts"

/** Boards with so many daemons that can be woken. Returns what each was asked for, in order. */
async function spread(offers: Offer[], boards: Record<string, number>) {
  const left = new Map(Object.entries(boards))
  const asked: [board: string, count: number][] = []
  await spreadWakes(offers, (board, count) => {
    asked.push([board, count])
    const woken = Math.min(count, left.get(board) ?? 0)
    left.set(board, (left.get(board) ?? 0) - woken)
    return Promise.resolve(woken)
  })
  return {
    asked,
    woken: Object.entries(boards).map(([board, count]) => [board, count - (left.get(board) ?? 0)]),
  }
}

test.each<
  [what: string, offers: Offer[], boards: Record<string, number>, asked: [string, number][]]
>([
  ["no jobs", [], { a: 1 }, []],
  ["no board", [{ count: 3, boards: [] }], {}, []],
  ["the first has enough", [{ count: 2, boards: ["a", "b"] }], { a: 2, b: 2 }, [["a", 2]]],
  [
    "the first has too few",
    [{ count: 3, boards: ["a", "b"] }],
    { a: 2, b: 2 },
    [
      ["a", 3],
      ["b", 1],
    ],
  ],
  [
    "nobody has any",
    [{ count: 1, boards: ["a", "b"] }],
    { a: 0, b: 0 },
    [
      ["a", 1],
      ["b", 1],
    ],
  ],
  [
    "two kinds at one board are one call",
    [
      { count: 2, boards: ["a"] },
      { count: 3, boards: ["a"] },
    ],
    { a: 9 },
    [["a", 5]],
  ],
  [
    "the first offer is served first, the other moves on",
    [
      { count: 1, boards: ["a"] },
      { count: 1, boards: ["a", "b"] },
    ],
    { a: 1, b: 1 },
    [
      ["a", 2],
      ["b", 1],
    ],
  ],
  [
    "a board that had too few is not asked again by another kind",
    [
      { count: 5, boards: ["a"] },
      { count: 2, boards: ["b", "a"] },
    ],
    { a: 1, b: 1 },
    [
      ["a", 5],
      ["b", 2],
    ],
  ],
])("%s", async (_what, offers, boards, asked) => {
  expect((await spread(offers, boards)).asked).toEqual(asked)
})

test("spreadWakes wakes at most one daemon per job, and no fewer than it could", async () => {
  const board = fc.constantFrom("a", "b", "c", "d")
  const offer = fc.record({
    count: fc.integer({ min: 1, max: 9 }),
    boards: fc.uniqueArray(board, { maxLength: 4 }),
  })
  const places = fc.record({ a: fc.nat(6), b: fc.nat(6), c: fc.nat(6), d: fc.nat(6) })
  await fc.assert(
    fc.asyncProperty(fc.array(offer, { maxLength: 5 }), places, async (offers, boards) => {
      const { asked, woken } = await spread(offers, boards)
      const total = woken.reduce((sum, [, count]) => sum + Number(count), 0)
      const jobs = offers.reduce((sum, { count }) => sum + count, 0)
      expect(total).toBeLessThanOrEqual(jobs)
      expect(asked.length).toBeLessThanOrEqual(4 * Math.max(1, offers.length))
      for (const { count, boards: mine } of offers) {
        const there = mine.reduce((sum, name) => sum + boards[name], 0)
        const wokenThere = woken
          .filter(([name]) => mine.includes(name as "a"))
          .reduce((sum, [, n]) => sum + Number(n), 0)
        expect(wokenThere).toBeGreaterThanOrEqual(Math.min(count, there))
      }
    }),
  )
})
