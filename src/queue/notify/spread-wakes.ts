// Spreads wake-ups over boards: each kind of job is offered to one board at a time.

/** `boards` are in the order in which they should be asked. */
export type Offer = { count: number; boards: readonly string[] }

/**
 * Wakes `count` daemons for each offer, as far as its boards have them. `wake` returns how many
 * daemons woke, and must not throw. Each round asks a board at most once, for all the offers that
 * reached it. A board that had too few is not asked again. Ends after as many rounds as the longest
 * list of boards.
 */
export async function spreadWakes(
  offers: readonly Offer[],
  wake: (board: string, count: number) => Promise<number>,
): Promise<void> {
  let open = offers.map(({ count, boards }) => ({ missing: count, boards }))
  const exhausted = new Set<string>()
  for (;;) {
    open = open
      .map(({ missing, boards }) => ({
        missing,
        boards: boards.filter((board) => !exhausted.has(board)),
      }))
      .filter(({ missing, boards }) => missing > 0 && boards.length > 0)
    if (open.length === 0) return
    const byBoard = Map.groupBy(open, ({ boards }) => boards[0] ?? "")
    await Promise.all(
      [...byBoard].map(async ([board, here]) => {
        const asked = here.reduce((sum, { missing }) => sum + missing, 0)
        let woken = await wake(board, asked)
        if (woken < asked) exhausted.add(board)
        for (const offer of here) {
          const mine = Math.min(offer.missing, woken)
          offer.missing -= mine
          woken -= mine
        }
      }),
    )
  }
}
