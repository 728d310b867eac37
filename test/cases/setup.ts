// Hands the fields of cases that a test read to `test/case-reporter.ts`.
//
// Fields that are read while no test runs, as in `beforeAll`, count for the next test of the file.
import { afterEach } from "vitest"
import { drainFields } from "./fields.ts"

declare module "vitest" {
  // oxlint-disable-next-line typescript/consistent-type-definitions -- only an interface is merged
  interface TaskMeta {
    caseFields?: string[]
  }
}

afterEach(({ task }) => {
  const fields = drainFields()
  if (fields.length > 0) task.meta.caseFields = fields
})
