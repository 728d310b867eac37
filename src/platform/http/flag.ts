// A boolean in a query, as Go clients write one. An absent one is false.
import { z } from "@hono/zod-openapi"

export const flag = (name: string, description?: string) =>
  z
    .string()
    .optional()
    .transform((text, context) => {
      if (text === undefined || /^(0|f|false|)$/i.test(text)) return false
      if (/^(1|t|true)$/i.test(text)) return true
      const problem = `must be a valid boolean: ${JSON.stringify(text)}`
      const message = `Query param ${JSON.stringify(name)} ${problem}`
      context.addIssue({ code: "custom", message })
      return z.NEVER
    })
    .openapi({ type: "boolean", ...(description === undefined ? {} : { description }) })
