// Where a follower of an agent's log is: after the last line that they had, and whether they had a frame at all. The first one
// comes in any case, and tells them that what was there has been said.

const freshMark = "fresh:"

/** Of a follower who has had nothing yet and knows the lines up to `after`. */
export const followFrom = (after: number): string => `${freshMark}${after}`

export const isFresh = (cursor: string | null): boolean => cursor?.startsWith(freshMark) ?? true

export const lastLineOf = (cursor: string | null): number =>
  Number((cursor ?? "0").replace(freshMark, ""))
