/** How much state one build may leave behind, on every way in: a daemon's report, a person's upload, a script's answer. */
import { z } from "@hono/zod-openapi"

export const STATE_BYTES_MAX = 5 * 1024 * 1024

const textLengthMax = Math.ceil(STATE_BYTES_MAX / 3) * 4
const tooLarge = `A state is at most ${STATE_BYTES_MAX} bytes.`

/** State as it travels: base64, whose length alone does not tell the last two bytes. */
export const stateText = z
  .base64()
  .max(textLengthMax, { error: tooLarge, abort: true })
  .refine((text) => decodedLength(text) <= STATE_BYTES_MAX, tooLarge)

function decodedLength(text: string): number {
  return (text.length / 4) * 3 - (/={0,2}$/.exec(text)?.[0].length ?? 0)
}
