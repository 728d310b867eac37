// The rehearsal of a deployment on an empty database.
import { join } from "node:path"
import { expect, test } from "vitest"
import { readMigrations } from "../../../dev/database/migrations.ts"
import { rehearseDatabase } from "../../../dev/database/rehearse.ts"
import { rootDirectory } from "../../../dev/root.ts"

const now = new Date("2026-03-04T09:00:00Z")
const migrations = readMigrations(join(rootDirectory, "migrations"))

test("lets the Worker use every table and rewrite no audit row", async () => {
  const tables = await rehearseDatabase(migrations, now)
  expect(tables).toEqual(
    expect.arrayContaining(["workspaces", "provisioner_jobs", "metrics", "audit_logs"]),
  )
  expect(tables).not.toContain("schema_migrations")
})

test.each([
  [
    "keeps the Worker from a table",
    "revoke update on workspaces from dormouse_worker",
    "may not use workspaces",
  ],
  [
    "lets the Worker change the schema",
    "grant create on schema public to dormouse_worker",
    "may change the schema",
  ],
  [
    "lets the Worker create temporary tables",
    "grant temporary on database dormouse to dormouse_worker",
    "may create temporary tables",
  ],
])("rejects a migration that %s", async (_name, sql, message) => {
  const wrong = { name: "9999_wrong", sql, checksum: "wrong" }
  const numbered = [...migrations.numbered, wrong]
  await expect(rehearseDatabase({ ...migrations, numbered }, now)).rejects.toThrow(message)
})
