// Migrations are applied once, in order, each whole or not at all.
import { Client } from "pg"
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest"
import { migrate, pendingMigrations, type Migration } from "../../../dev/database/migrations.ts"

const now = new Date("2026-03-04T09:00:00Z")
const url = inject("adminUrl").replace(/[^/]*$/, "migrations_test")
const migration = (tag: string, sql: string): Migration => ({ tag, sql, checksum: sql })
const first = migration("0000_first", "create table a (id int); insert into a values (1);")
const second = migration("0001_second", "alter table a add column name text;")

const admin = new Client({ connectionString: inject("adminUrl") })
const client = new Client({ connectionString: url })

beforeAll(async () => {
  await admin.connect()
  await admin.query("create database migrations_test")
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await admin.query("drop database migrations_test with (force)")
  await admin.end()
})

describe("migrations", () => {
  test("are all pending in an empty database, and asking changes nothing", async () => {
    expect(await pendingMigrations(url, [first])).toEqual(["0000_first"])
    expect((await client.query("select to_regclass('schema_migrations') as t")).rows).toEqual([
      { t: null },
    ])
  })
  test("are applied in order, once", async () => {
    expect(await migrate(url, [first], now)).toEqual(["0000_first"])
    expect(await migrate(url, [first, second], now)).toEqual(["0001_second"])
    expect(await migrate(url, [first, second], now)).toEqual([])
    expect((await client.query("select * from a")).rows).toEqual([{ id: 1, name: null }])
    expect(
      (await client.query("select tag, applied_at from schema_migrations order by tag")).rows,
    ).toEqual([
      { tag: "0000_first", applied_at: now },
      { tag: "0001_second", applied_at: now },
    ])
  })
  test("that fail leave nothing of themselves", async () => {
    const broken = migration("0002_broken", "create table b (id int); select 1 / 0;")
    await expect(migrate(url, [first, second, broken], now)).rejects.toThrow(
      "0002_broken failed and was rolled back",
    )
    expect(await pendingMigrations(url, [first, second, broken])).toEqual(["0002_broken"])
    expect((await client.query("select to_regclass('b') as t")).rows).toEqual([{ t: null }])
  })
  test("that were changed afterwards are refused", async () => {
    await expect(migrate(url, [{ ...first, checksum: "other" }], now)).rejects.toThrow(
      "0000_first was changed",
    )
  })
  test("run beside themselves are applied once", async () => {
    const third = migration("0002_third", "create table c (id int); insert into c values (1);")
    const added = await Promise.all([1, 2, 3].map(() => migrate(url, [first, second, third], now)))
    expect(added.flat()).toEqual(["0002_third"])
  })
})

describe("a database that cannot be migrated is named in a sentence, without what its URL holds", () => {
  const server = new URL(inject("adminUrl"))
  const to = (change: (url: URL) => void) => {
    const changed = new URL(server)
    change(changed)
    return changed.href
  }
  test.each([
    [
      "a wrong password",
      to((at) => (at.password = "wrong-secret")),
      "refuses its user or password.",
    ],
    [
      "no such database",
      to((at) => (at.pathname = "/absent-secret")),
      "does not exist on its server.",
    ],
    ["nobody listening", to((at) => (at.port = "1")), "cannot be reached (ECONNREFUSED)."],
    [
      "no such host",
      to((at) => (at.hostname = "secret.invalid")),
      /cannot be reached \((ENOTFOUND|EAI_AGAIN)\)\.$/,
    ],
  ])("%s", async (_, wrong, sentence) => {
    const refusal = pendingMigrations(wrong, [first])
    await expect(refusal).rejects.toThrow(sentence)
    await expect(refusal).rejects.not.toThrow(/secret|127\.0\.0\.1|:1\b/)
    await expect(migrate(wrong, [first], now)).rejects.toThrow(sentence)
  })
})
