// The drizzle schema agrees with the database: tables, columns, constraints and indexes.
import { getTableConfig, PgTable, type PgColumn } from "drizzle-orm/pg-core"
import { globSync } from "node:fs"
import { join } from "node:path"
import { Client } from "pg"
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest"
import { migrate, readMigrations } from "../../../dev/database/migrations.ts"
import { rootDirectory } from "../../../dev/root.ts"

const url = inject("adminUrl").replace(/[^/]*$/, "drizzle_test")
const admin = new Client({ connectionString: inject("adminUrl") })
const client = new Client({ connectionString: url })

beforeAll(async () => {
  await admin.connect()
  await admin.query("create database drizzle_test")
  await migrate(url, readMigrations(join(rootDirectory, "migrations")), new Date(0))
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await admin.query("drop database drizzle_test with (force)")
  await admin.end()
})

const files = globSync("src/platform/db/schema/*.ts", { cwd: rootDirectory })
const modules: Record<string, unknown>[] = await Promise.all(
  files.map((path) => import(/* @vite-ignore */ join(rootDirectory, path))),
)
const tables = modules.flatMap((exported) =>
  Object.values(exported).filter((value) => value instanceof PgTable),
)
const configs = tables.map((table) => getTableConfig(table))

/** PostgreSQL keeps the first 63 bytes of a name. */
const kept = (name: string) => name.slice(0, 63)

const typeOf = (column: PgColumn) => column.getSQLType().replace("timestamp (3)", "timestamp(3)")

async function namesOf(query: string, table: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(query, [table])
  return rows.map(({ name }) => name)
}

test("the schema and the database have the same tables", async () => {
  // The migrator's own ledgers are not the schema's.
  const found = await namesOf(
    `select relname as name from pg_class
     where relnamespace = 'public'::regnamespace and relkind = 'r' and relname not like $1`,
    "schema\\_%",
  )
  expect(configs.map(({ name }) => name).sort()).toEqual(found.sort())
})

describe.each(configs.map((config) => ({ name: config.name, config })))(
  "$name",
  ({ name, config }) => {
    test("has the columns of the schema, with their types, nullability and defaults", async () => {
      const { rows } = await client.query(
        `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
         a.attnotnull as "notNull",
         a.attgenerated <> '' as generated, a.attidentity <> '' as identity,
         a.atthasdef and a.attgenerated = '' as default
       from pg_attribute a
       where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped `,
        [name],
      )
      const columns = config.columns.map((column) => ({
        name: column.name,
        type: typeOf(column),
        notNull: column.notNull,
        generated: column.generated !== undefined,
        identity: column.generatedIdentity !== undefined,
        default: column.hasDefault && column.default !== undefined,
      }))
      const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)
      expect(rows.sort(byName)).toEqual(columns.sort(byName))
    })

    test("has the constraints and indexes of the schema", async () => {
      const found = await namesOf(
        `select conname as name from pg_constraint where conrelid = $1::regclass and contype <> 'n'
       union select indexrelid::regclass::text from pg_index where indrelid = $1::regclass`,
        name,
      )
      const declared = [
        ...config.columns.flatMap((column) => [
          ...(column.primary ? [`${name}_pkey`] : []),
          ...(column.isUnique ? [column.uniqueName] : []),
        ]),
        ...config.primaryKeys.map((key) => key.getName()),
        ...config.uniqueConstraints.map((unique) => unique.getName()),
        ...config.foreignKeys.map((key) => key.getName()),
        ...config.checks.map((check) => check.name),
        ...config.indexes.map((index) => index.config.name),
      ]
      expect(declared.map((constraint) => kept(String(constraint))).sort()).toEqual(found.sort())
    })
  },
)
