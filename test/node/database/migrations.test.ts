// The migrator: numbered files once, code files when they change, all of it or nothing.
import { Client } from "pg"
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest"
import {
  migrate,
  pendingMigrations,
  type Migrations,
  type SqlFile,
} from "../../../dev/database/migrations.ts"

const now = new Date("2026-03-04T09:00:00Z")
const url = inject("adminUrl").replace(/[^/]*$/, "migrations_test")

const file = (name: string, sql: string): SqlFile => ({ name, sql, checksum: sql })
const only = (...numbered: SqlFile[]): Migrations => ({ numbered, code: [] })

const first = file("0001_first", "create table a (id int); insert into a values (1);")
const second = file("0002_second", "alter table a add column name text;")
const double = file(
  "code/double",
  "create or replace function double(n int) returns int language sql immutable as 'select n * 2'",
)
const doubled = file(
  "code/doubled",
  "create or replace view doubled as select a.*, double(a.id) as twice from a",
)
const touched = file(
  "code/touched",
  `create or replace function touched() returns trigger language plpgsql as 'begin return new; end';
   create or replace trigger touched before update of id on a
   for each row when (double(new.id) > 0) execute function touched();`,
)
const code = [double, touched, doubled]

const admin = new Client({ connectionString: inject("adminUrl") })
let client: Client

beforeAll(async () => {
  await admin.connect()
})
beforeEach(async () => {
  await client?.end()
  await admin.query("drop database if exists migrations_test with (force)")
  await admin.query("create database migrations_test")
  client = new Client({ connectionString: url })
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await admin.query("drop database migrations_test with (force)")
  await admin.end()
})

const rowsOf = async (query: string) => (await client.query(query)).rows
const objectsOf = async () =>
  (
    await rowsOf(`select proname as name from pg_proc where pronamespace = 'public'::regnamespace
      union all select relname from pg_class
        where relkind = 'v' and relnamespace = 'public'::regnamespace
      union all select tgname || ' on ' || tgrelid::regclass from pg_trigger
        where not tgisinternal`)
  ).map(({ name }) => name)

describe("numbered files", () => {
  test("are all pending in an empty database, and asking changes nothing", async () => {
    expect(await pendingMigrations(url, { numbered: [first], code })).toEqual([
      "0001_first",
      "code/double",
      "code/touched",
      "code/doubled",
    ])
    expect(await rowsOf("select to_regclass('schema_migrations') as t")).toEqual([{ t: null }])
  })
  test("are applied in order, once", async () => {
    expect(await migrate(url, only(first), now)).toEqual(["0001_first"])
    expect(await migrate(url, only(first, second), now)).toEqual(["0002_second"])
    expect(await migrate(url, only(first, second), now)).toEqual([])
    expect(await rowsOf("select * from a")).toEqual([{ id: 1, name: null }])
    expect(await rowsOf("select tag, applied_at from schema_migrations order by tag")).toEqual([
      { tag: "0001_first", applied_at: now },
      { tag: "0002_second", applied_at: now },
    ])
  })
  test("leave nothing behind when one of them fails", async () => {
    const broken = file("0002_broken", "create table b (id int); select 1 / 0;")
    await expect(migrate(url, only(first, broken), now)).rejects.toThrow(
      "0002_broken failed and everything was rolled back: division by zero",
    )
    expect(await pendingMigrations(url, only(first, broken))).toEqual(["0001_first", "0002_broken"])
    expect(await rowsOf("select to_regclass('a') as a, to_regclass('b') as b")).toEqual([
      { a: null, b: null },
    ])
  })
  test("are rejected when they changed or were removed after they were applied", async () => {
    await migrate(url, only(first, second), now)
    const changed = { ...first, checksum: "other" }
    await expect(migrate(url, only(changed, second), now)).rejects.toThrow("0001_first was changed")
    await expect(pendingMigrations(url, only(first))).rejects.toThrow(
      "has applied migration 0002_second, which this version does not have",
    )
  })
  test("are applied once when several runs overlap", async () => {
    const migrations = { numbered: [first], code }
    const applied = await Promise.all([1, 2, 3].map(() => migrate(url, migrations, now)))
    expect(applied.flat()).toEqual(["0001_first", "code/double", "code/touched", "code/doubled"])
  })
})

describe("code files", () => {
  test("are applied when their text changed, with everything that depends on them", async () => {
    await migrate(url, { numbered: [first], code }, now)
    expect(await migrate(url, { numbered: [first], code }, now)).toEqual([])
    expect(await rowsOf("select * from doubled")).toEqual([{ id: 1, twice: 2 }])
    // Another type of result, which `create or replace` rejects, under a view and a trigger.
    const wider = file("code/double", double.sql.replace("returns int", "returns bigint"))
    const changed = { numbered: [first], code: [wider, touched, doubled] }
    expect(await pendingMigrations(url, changed)).toEqual(["code/double"])
    expect(await migrate(url, changed, now)).toEqual(["code/double"])
    expect(await pendingMigrations(url, changed)).toEqual([])
    expect(await rowsOf("select * from doubled")).toEqual([{ id: 1, twice: "2" }])
  })
  test("are applied again after a numbered file, so a view has its new column", async () => {
    await migrate(url, { numbered: [first], code }, now)
    await migrate(url, { numbered: [first, second], code }, now)
    expect(await rowsOf("select * from doubled")).toEqual([{ id: 1, name: null, twice: 2 }])
    // A column that a view and a trigger use changes its type.
    const third = file("0003_third", "alter table a alter column id type bigint;")
    const narrow = file(
      "code/double",
      "create or replace function double(n bigint) returns bigint language sql immutable as 'select n * 2'",
    )
    const all = { numbered: [first, second, third], code: [narrow, touched, doubled] }
    expect(await migrate(url, all, now)).toEqual(["0003_third", "code/double"])
    expect(await rowsOf("select twice from doubled")).toEqual([{ twice: "2" }])
    expect(await objectsOf()).toHaveLength(4)
  })
  test("take their objects with them when they are removed or define others", async () => {
    await migrate(url, { numbered: [first], code }, now)
    expect(await objectsOf()).toEqual(["double", "touched", "doubled", "touched on a"])
    const removed = { numbered: [first], code: [double, doubled] }
    expect(await pendingMigrations(url, removed)).toEqual(["code/touched (removed)"])
    expect(await migrate(url, removed, now)).toEqual(["code/touched (removed)"])
    expect(await objectsOf()).toEqual(["double", "doubled"])
    const other = file(
      double.name,
      double.sql.replaceAll(" int", " bigint").replace("n int", "n bigint"),
    )
    await migrate(url, { numbered: [first], code: [other] }, now)
    expect(await objectsOf()).toEqual(["double"])
    expect(await rowsOf("select double(3000000000)")).toEqual([{ double: "6000000000" }])
  })
  test("leave the old ones in place when one of them fails", async () => {
    await migrate(url, { numbered: [first], code }, now)
    const broken = file("code/doubled", "create or replace view doubled as select nonsense from a")
    await expect(
      migrate(url, { numbered: [first, second], code: [double, touched, broken] }, now),
    ).rejects.toThrow("code/doubled failed and everything was rolled back")
    expect(await rowsOf("select * from doubled")).toEqual([{ id: 1, twice: 2 }])
    expect(await objectsOf()).toHaveLength(4)
  })
  test("are rejected when two of them define the same object", async () => {
    const again = file("code/again", double.sql)
    await expect(migrate(url, { numbered: [first], code: [...code, again] }, now)).rejects.toThrow(
      "code/again defines nothing that did not exist before it",
    )
  })
  test("do not drop what others made", async () => {
    await migrate(url, { numbered: [first], code }, now)
    await client.query("create view report as select 1 as one")
    await migrate(url, { numbered: [first, second], code: [double] }, now)
    expect(await objectsOf()).toEqual(["double", "report"])
  })
})

describe("a database that cannot be migrated is named without what its URL holds", () => {
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
    const refusal = pendingMigrations(wrong, only(first))
    await expect(refusal).rejects.toThrow(sentence)
    await expect(refusal).rejects.not.toThrow(/secret|127\.0\.0\.1|:1\b/)
    await expect(migrate(wrong, only(first), now)).rejects.toThrow(sentence)
  })
})
