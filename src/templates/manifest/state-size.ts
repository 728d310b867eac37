// The bound of a build's state, for a daemon's report, a person's upload and a script's answer.
import { z } from "@hono/zod-openapi"

export const stateBytesMax = 5 * 1024 * 1024

const textLengthMax = Math.ceil(stateBytesMax / 3) * 4
const tooLarge = `A state is at most ${stateBytesMax} bytes.`

/** State in base64. The length of the text leaves two bytes open, so both are checked. */
export const stateText = z
  .base64()
  .max(textLengthMax, { error: tooLarge, abort: true })
  .refine((text) => decodedLength(text) <= stateBytesMax, tooLarge)

function decodedLength(text: string): number {
  return (text.length / 4) * 3 - (/={0,2}$/.exec(text)?.[0].length ?? 0)
}
