// The schema of migrations/: written down in schema.sql, and the same however a database got there.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Client } from "pg"
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from "vitest"
import {
  checksumOf,
  migrate,
  readMigrations,
  type Migrations,
  type SqlFile,
} from "../../../dev/database/migrations.ts"
import { printSchema } from "../../../dev/database/print-schema.ts"
import { rootDirectory } from "../../../dev/root.ts"

const now = new Date("2026-03-04T09:00:00Z")
const directory = join(rootDirectory, "migrations")
const migrations = readMigrations(directory)
const { numbered, code } = migrations
const schema = readFileSync(join(directory, "schema.sql"), "utf8")

const admin = new Client({ connectionString: inject("adminUrl") })
beforeAll(async () => {
  await admin.connect()
})
afterAll(async () => {
  await admin.end()
})

/**
 * Migrates an empty database through the steps and connects to it. Code that needs a later numbered
 * file is not applied in a step before that file.
 */
async function migrated(...steps: Migrations[]): Promise<Client> {
  await admin.query("drop database if exists schema_test with (force)")
  await admin.query("create database schema_test")
  const url = inject("adminUrl").replace(/[^/]*$/, "schema_test")
  for (const step of steps) {
    await migrate(url, step, now).catch(async (error: unknown) => {
      if (step.numbered.length >= numbered.length) throw error
      await migrate(url, { ...step, code: [] }, now)
    })
  }
  const client = new Client({ connectionString: url })
  await client.connect()
  onTestFinished(async () => {
    await client.end()
    await admin.query("drop database schema_test with (force)")
  })
  return client
}

const touch = (file: SqlFile): SqlFile => {
  const sql = `-- changed\n${file.sql}`
  return { ...file, sql, checksum: checksumOf(sql) }
}

test("schema.sql is what a fresh database has (if not: npm run schema)", async () => {
  expect(await printSchema(await migrated(migrations))).toBe(schema)
})

test("a database that took the numbered files one by one has the same schema", async () => {
  const steps = numbered.map((_, at) => ({ numbered: numbered.slice(0, at + 1), code }))
  expect(await printSchema(await migrated(...steps))).toBe(schema)
})

test("a database whose code changed and changed back has the same schema", async () => {
  const steps = [0, code.length >> 1, code.length - 1].map((changed) => ({
    numbered,
    code: code.map((file, at) => (at === changed ? touch(file) : file)),
  }))
  expect(await printSchema(await migrated(migrations, ...steps, migrations))).toBe(schema)
})

test("a database that had only some of the code has the same schema", async () => {
  const half = { numbered, code: code.slice(0, code.length / 2) }
  expect(await printSchema(await migrated(half, migrations, half, migrations))).toBe(schema)
})

test.each(numbered)("$name defines no function, view or trigger", ({ sql }) => {
  expect(sql).not.toMatch(/create (or replace )?(function|procedure|view|trigger|rule)/i)
})

test.each(code)(
  "$name defines the object that it is named for and can run twice",
  ({ name, sql }) => {
    const object = name.replace(/.*\//, "")
    expect(sql).toMatch(new RegExp(`^create or replace (function|view) ${object}\\b`, "m"))
    const created = sql.match(/^(create|alter|drop|insert|update|delete) .*/gim) ?? []
    expect(
      created.filter((line) => !/^create or replace (function|view|trigger) /.test(line)),
    ).toEqual([])
    expect(created.filter((line) => !line.startsWith("create or replace trigger"))).toHaveLength(1)
  },
)
