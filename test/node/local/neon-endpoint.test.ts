// The local Neon endpoint against the real driver: production code must see the same database as at
// Neon.
import { createServer } from "node:net"
import { neon, neonConfig, NeonDbError } from "@neondatabase/serverless"
import { Client } from "pg"
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest"
import { freePort } from "../../../dev/process/free-port.ts"
import {
  bodyBytesMax,
  startNeonEndpoint,
  type NeonEndpoint,
} from "../../../dev/local/neon-endpoint.ts"

// A database of its own: one of these tests ends all its connections.
const database = `t_${crypto.randomUUID().replaceAll("-", "")}`
const url = inject("adminUrl").replace(/[^/]*$/, database)
const port = Number(new URL(url).port)
let endpoint: NeonEndpoint

async function administer(command: string): Promise<void> {
  const admin = new Client({ connectionString: inject("adminUrl") })
  await admin.connect()
  await admin.query(command)
  await admin.end()
}

beforeAll(async () => {
  await administer(`create database ${database}`)
  endpoint = await startNeonEndpoint({ server: { host: "127.0.0.1", port } })
  neonConfig.fetchEndpoint = () => endpoint.url
  await neon(url).query("create table endpoint_test (id int primary key, name text not null)")
})

afterAll(async () => {
  await endpoint.stop()
  await administer(`drop database ${database} with (force)`)
})

const sql = neon(url, { fullResults: true })
const failure = (promise: Promise<unknown>): Promise<NeonDbError> =>
  promise.then(
    () => expect.unreachable("it did not fail"),
    (error: unknown) => (error instanceof NeonDbError ? error : expect.unreachable(String(error))),
  )

describe("a caller", () => {
  test("that disconnects has its statement canceled, and the next one is untouched", async () => {
    const limit = new AbortController()
    const slow = sql.query(
      "insert into endpoint_test select 4711, 'slow' from (select pg_sleep(60)) slept",
      [],
      { fetchOptions: { signal: limit.signal } },
    )
    const running = async () => {
      const { rows } = await sql`
        select 1 from pg_stat_activity
        where datname = current_database() and state = 'active' and query like '%4711%pg_sleep%'
          and pid <> pg_backend_pid()`
      return rows.length
    }
    await Promise.all([
      failure(slow),
      expect
        .poll(running)
        .toBe(1)
        .finally(() => limit.abort()),
    ])
    await expect.poll(running).toBe(0)
    const { rows } = await sql`select 1 from endpoint_test where id = 4711`
    expect(rows).toEqual([])
  })

  test("finds an idle connection open, however long it was idle", async () => {
    const response = await fetch(endpoint.url.replace("/sql", "/"))
    await response.text()
    expect(response.headers.get("keep-alive")).toBeNull()
    expect(response.headers.get("connection")).toBe("keep-alive")
  })
})

describe("a single query", () => {
  test("answers rows as objects, parsed by the driver", async () => {
    const result =
      await sql`select ${7}::int as n, ${"x"}::text as t, true as b, ${null}::text as nothing`
    expect(result.rows).toEqual([{ n: 7, t: "x", b: true, nothing: null }])
    expect(result.rowCount).toBe(1)
    expect(result.command).toBe("SELECT")
    expect(result.fields.map((field) => [field.name, field.dataTypeID])).toEqual([
      ["n", 23],
      ["t", 25],
      ["b", 16],
      ["nothing", 25],
    ])
  })
  test("answers lists in array mode, where two columns may share a name", async () => {
    const result = await neon(url, { arrayMode: true })`select 1 as a, 2 as a`
    expect(result).toEqual([[1, 2]])
  })
  test("hands over raw text: precise instants, big integers, arrays and JSON", async () => {
    const text = { types: { getTypeParser: () => (value: unknown) => value } }
    const result = await sql.query(
      `select '2026-03-04 09:00:00.123+00'::timestamptz at, 9007199254740993 big,
        '{a,b}'::text[] l, '{"k": 1}'::jsonb j`,
      [],
      text,
    )
    expect(result.rows).toEqual([
      { at: "2026-03-04 09:00:00.123+00", big: "9007199254740993", l: "{a,b}", j: '{"k": 1}' },
    ])
  })
  test("carries bytes there and back", async () => {
    const bytes = Buffer.from([0, 1, 127, 128, 255])
    const result = await sql`select ${bytes}::bytea as b, length(${bytes}::bytea) as n`
    expect(result.rows).toEqual([{ b: bytes, n: 5 }])
  })
  test("carries lists as PostgreSQL arrays, quotes and nulls included", async () => {
    const list = ['a"b', "c,d", null, ""]
    const result = await sql`select ${list}::text[] as l`
    expect(result.rows).toEqual([{ l: list }])
  })
  test("counts what a write changed", async () => {
    const result = await sql`insert into endpoint_test values (100, 'a'), (101, 'b')`
    expect([result.command, result.rowCount, result.rows]).toEqual(["INSERT", 2, []])
  })
})

describe("an error", () => {
  test("has all the fields that PostgreSQL sends", async () => {
    await sql`insert into endpoint_test values (1, 'first')`
    const error = await failure(sql`insert into endpoint_test values (1, 'again')`)
    expect(error).toMatchObject({
      code: "23505",
      severity: "ERROR",
      schema: "public",
      table: "endpoint_test",
      constraint: "endpoint_test_pkey",
      detail: "Key (id)=(1) already exists.",
      routine: expect.any(String),
      file: expect.any(String),
      line: expect.any(String),
    })
  })
  test("names the column and the position", async () => {
    expect(await failure(sql`insert into endpoint_test values (2, null)`)).toMatchObject({
      code: "23502",
      column: "name",
    })
    expect(await failure(sql.query("select nothing"))).toMatchObject({
      code: "42703",
      position: "8",
    })
  })
  test("rejects several commands in one query, and runs none of them", async () => {
    const script = "insert into endpoint_test values (70, 'script'); select 1"
    expect(await failure(sql.query(script))).toMatchObject({ code: "42601" })
    expect(await failure(sql.query(`${script} where $1`, [true]))).toMatchObject({ code: "42601" })
    expect((await sql`select 1 from endpoint_test where id = 70`).rowCount).toBe(0)
  })
  test("carries what a function raises", async () => {
    const raise =
      "do $$ begin raise exception 'no' using errcode = 'DM401', hint = 'why', detail = 'what'; end $$"
    expect(await failure(sql.query(raise))).toMatchObject({
      message: "no",
      code: "DM401",
      hint: "why",
      detail: "what",
    })
  })
  test("of a wrong password is the server's own", async () => {
    const wrong = new URL(url)
    wrong.password = "wrong"
    expect(await failure(neon(wrong.href)`select 1`)).toMatchObject({ code: "28P01" })
  })
})

describe("a batch", () => {
  test("is one transaction: all of it", async () => {
    const [first, second] = await sql.transaction([
      sql`select txid_current()::text as id`,
      sql`select txid_current()::text as id`,
    ])
    expect(first?.rows).toEqual(second?.rows)
  })
  test("is one transaction: none of it", async () => {
    const error = await failure(
      sql.transaction([sql`insert into endpoint_test values (50, 'gone')`, sql`select 1 / 0`]),
    )
    expect(error.code).toBe("22012")
    expect((await sql`select 1 from endpoint_test where id = 50`).rowCount).toBe(0)
  })
  test("keeps a local setting to itself", async () => {
    await sql.transaction([sql`select set_config('dormouse.actor', '{}', true)`])
    for (let n = 0; n < 20; n += 1) {
      const result =
        await sql`select coalesce(current_setting('dormouse.actor', true), '') as actor`
      expect(result.rows).toEqual([{ actor: "" }])
    }
  })
  test("runs at the isolation level that it asks for", async () => {
    const levels = {
      ReadCommitted: "read committed",
      RepeatableRead: "repeatable read",
      Serializable: "serializable",
    }
    for (const [asked, level] of Object.entries(levels)) {
      const [result] = await sql.transaction([sql`show transaction_isolation`], {
        isolationLevel: asked as "Serializable",
      })
      expect(result?.rows).toEqual([{ transaction_isolation: level }])
    }
  })
  test("may be read-only and deferrable", async () => {
    const options = { isolationLevel: "Serializable", readOnly: true, deferrable: true } as const
    const error = await failure(
      sql.transaction([sql`insert into endpoint_test values (60, 'x')`], options),
    )
    expect(error.code).toBe("25006")
    const [result] = await sql.transaction([sql`show transaction_deferrable`], options)
    expect(result?.rows).toEqual([{ transaction_deferrable: "on" }])
  })
})

describe("its bounds", () => {
  test("a request over 64 MB is refused, one below it is not", async () => {
    const error = await failure(sql`select length(${"x".repeat(bodyBytesMax)}::text)`)
    expect(error.message).toContain("HTTP status 413")
    const size = bodyBytesMax - 1024
    const result = await sql`select length(${"x".repeat(size)}::text) as n`
    expect(result.rows).toEqual([{ n: size }])
  })
  test("an answer over 64 MB is refused", async () => {
    const error = await failure(sql`select repeat('x', ${bodyBytesMax}::int)`)
    expect(error.message).toContain("HTTP status 507")
  })
  test("it connects to no other server", async () => {
    const error = await failure(neon("postgres://u:p@db.example.test/x")`select 1`)
    expect(error.message).toBe("this endpoint serves another database server")
  })
  test("a body that is not understood is refused", async () => {
    for (const body of ["", "{", "[]", '{"query": 1}', '{"query": "select 1", "params": {}}']) {
      const response = await fetch(endpoint.url, {
        method: "POST",
        body,
        headers: { "Neon-Connection-String": url },
      })
      expect([body, response.status]).toEqual([body, 400])
    }
    expect((await fetch(endpoint.url)).status).toBe(404)
  })
  test("more callers than connections wait for their turn", async () => {
    const results = await Promise.all(
      Array.from({ length: 60 }, (_, n) => sql`select ${n}::int as n`),
    )
    expect(results.map((result) => result.rows[0]?.["n"])).toEqual(results.map((_, n) => n))
  })
})

describe("a lost database", () => {
  test("is a server error, not a database error, while it cannot be reached", async () => {
    const nowhere = await freePort()
    const alone = await startNeonEndpoint({ server: { host: "127.0.0.1", port: nowhere } })
    neonConfig.fetchEndpoint = () => alone.url
    try {
      const error = await failure(neon(`postgres://u:p@127.0.0.1:${nowhere}/x`)`select 1`)
      expect(error.message).toContain("HTTP status 503")
      expect(error.code).toBeUndefined()
    } finally {
      neonConfig.fetchEndpoint = () => endpoint.url
      await alone.stop()
    }
  })
  test("does not end the endpoint when it closes a new connection", async () => {
    const field = (name: string, value: string) => `${name}${value}\0`
    const fields = [field("S", "FATAL"), field("C", "57P01"), field("M", "terminating connection")]
    const notice = `${fields.join("")}\0`
    const frame = (type: string, payload: Buffer) => {
      const head = Buffer.alloc(5)
      head.write(type)
      head.writeInt32BE(payload.length + 4, 1)
      return Buffer.concat([head, payload])
    }
    const [authenticated, ready, ended] = [
      frame("R", Buffer.alloc(4)),
      frame("Z", Buffer.from("I")),
      frame("E", Buffer.from(notice)),
    ]
    const server = createServer((socket) => {
      socket.once("data", () => socket.end(Buffer.concat([authenticated, ready, ended])))
    })
    const deaf = await freePort()
    await new Promise<void>((done) => server.listen(deaf, "127.0.0.1", done))
    const alone = await startNeonEndpoint({ server: { host: "127.0.0.1", port: deaf } })
    neonConfig.fetchEndpoint = () => alone.url
    try {
      const error = await failure(neon(`postgres://u:p@127.0.0.1:${deaf}/x`)`select 1`)
      expect(error.message).toContain("HTTP status 503")
    } finally {
      neonConfig.fetchEndpoint = () => endpoint.url
      await alone.stop()
      server.close()
    }
  })
  test("is served again on a new connection after it ended the old ones", async () => {
    const admin = new Client({ connectionString: url })
    await admin.connect()
    const running = failure(sql`select pg_sleep(10)`)
    const end =
      "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()"
    await expect
      .poll(
        async () =>
          (await admin.query("select 1 from pg_stat_activity where query like '%pg_sleep%'"))
            .rowCount,
      )
      .toBeGreaterThan(0)
    await admin.query(end)
    await admin.end()
    expect((await running).code).toBe("57P01")
    // Its idle connections were ended too. The endpoint learns of each when the server's message
    // arrives; until then one may still be picked.
    await expect.poll(async () => (await sql`select 1 as n`).rows).toEqual([{ n: 1 }])
  })
})
