// The client of PostgreSQL: what a statement, a batch and a failure look like to its callers.
import { env } from "cloudflare:workers"
import { sql } from "drizzle-orm"
import { describe, expect, test } from "vitest"
import { connect, statement, type DatabaseCall } from "../../../../src/platform/db/client.ts"
import { StatementFailed } from "../../../../src/platform/db/errors.ts"
import { instants, json, uuids } from "../../../../src/platform/db/sql.ts"
import { instantMax } from "../../../../src/platform/db/values.ts"
import { epoch } from "../../epoch.ts"

const db = () => connect(env.DATABASE_URL)

describe("one statement", () => {
  test("gives back what was bound, by type", async () => {
    const id = crypto.randomUUID()
    const rows = await db().all(
      statement(
        "all-types",
        sql`select ${epoch}::timestamptz as at, 'infinity'::timestamptz as never,
          ${9_007_199_254_740}::bigint as big, 1.5::numeric as num,
          ${json({ a: [1, null] })} as doc, ${Uint8Array.of(1, 255)}::bytea as bytes,
            ${uuids([id])} as ids,
          true as yes, null::text as nothing, ${instants([epoch, null])} as times`,
      ),
    )
    expect(rows).toEqual([
      {
        at: epoch,
        never: instantMax,
        big: 9_007_199_254_740,
        num: 1.5,
        doc: { a: [1, null] },
        bytes: Uint8Array.of(1, 255),
        ids: [id],
        yes: true,
        nothing: null,
        times: [epoch, null],
      },
    ])
  })

  test("that fails says its name and code, and nothing of its text or parameters", async () => {
    const failing = db().all(statement("divide", sql`select 1 / ${0}::int as secret_name`))
    await expect(failing).rejects.toThrow(StatementFailed)
    await expect(failing).rejects.toThrow("divide failed with 22012")
  })
})

describe("a batch", () => {
  test("is one round trip and one transaction", async () => {
    const calls: DatabaseCall[] = []
    const counted = connect(env.DATABASE_URL, { onCall: (call) => calls.push(call) })
    const [first, second] = await counted.batch([
      statement<{ id: string }>("one", sql`select pg_current_xact_id()::text as id`),
      statement<{ id: string }>("two", sql`select pg_current_xact_id()::text as id`),
    ])
    expect(first).toEqual(second)
    expect(calls.map((call) => call.statement)).toEqual(["one+two"])
  })

  test("whose last statement fails leaves nothing", async () => {
    const key = crypto.randomUUID()
    const batch = db().batch([
      statement("put", sql`insert into site_configs (key, value) values (${key}, ${json(1)})`),
      statement("fail", sql`select 1 / 0`),
    ])
    await expect(batch).rejects.toThrow("put+fail failed with 22012")
    const rows = await db().all(
      statement("get", sql`select 1 from site_configs where key = ${key}`),
    )
    expect(rows).toEqual([])
  })
})
