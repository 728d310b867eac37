// A boolean in a query, as Go clients write one: absent is false.
import { z } from "@hono/zod-openapi"

export const flag = (name: string, description?: string) =>
  z
    .string()
    .optional()
    .transform((text, context) => {
      if (text === undefined || /^(0|f|false|)$/i.test(text)) return false
      if (/^(1|t|true)$/i.test(text)) return true
      context.addIssue({
        code: "custom",
        message: `Query param ${JSON.stringify(name)} must be a valid boolean: ${JSON.stringify(text)}`,
      })
      return z.NEVER
    })
    .openapi({ type: "boolean", ...(description === undefined ? {} : { description }) })
