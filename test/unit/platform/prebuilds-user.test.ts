// The prebuilds user's id has one home in TypeScript and one in SQL, and both say the same.
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"

const root = join(import.meta.dirname, "..", "..", "..")

test("the prebuilds user's id is written where migrations need it, and nowhere else", () => {
  const files = globSync(
    ["src/**/*.ts", "bench/**/*.ts", "migrations/*_*.sql", "migrations/code/**/*.sql"],
    {
      cwd: root,
    },
  )
  const found = files.filter((path) =>
    readFileSync(join(root, path), "utf8").includes(prebuildsUserId),
  )
  expect(found.sort()).toEqual([
    "migrations/0001_baseline.sql",
    "migrations/0002_first_rows.sql",
    "migrations/code/shared/prebuilds_user_id.sql",
    "src/platform/db/prebuilds-user.ts",
  ])
})
