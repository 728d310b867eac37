// The large statements as PostgreSQL gets them, one file each in test/golden/.
//
// So a change of a fragment shows what it does to the whole.
//
// `npm run golden` writes the files again.
import { PgDialect } from "drizzle-orm/pg-core"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { format } from "sql-formatter"
import { expect, test } from "vitest"
import { statements } from "./statements.ts"

const directory = join(import.meta.dirname, "..", "..", "golden")
const dialect = new PgDialect()

test.each(statements)(
  "$name is what test/golden/$name.sql shows (if not: npm run golden)",
  async (one) => {
    const { sql } = dialect.sqlToQuery(one.sql)
    const text = format(sql, { language: "postgresql", expressionWidth: 90 })
    await expect(`${text}\n`).toMatchFileSnapshot(join(directory, `${one.name}.sql`))
  },
)

test("there is no other golden file", () => {
  const files = statements.map(({ name }) => `${name}.sql`)
  expect(readdirSync(directory).sort()).toEqual(files.sort())
})
