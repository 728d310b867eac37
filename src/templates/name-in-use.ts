// The answer to a second template of a name.
import { conflict } from "../platform/http/errors.ts"

export const nameInUse = (name: string) =>
  conflict(`Template with name ${JSON.stringify(name)} already exists.`, {
    validations: [{ field: "name", detail: "This value is already in use and should be unique." }],
  })
