// The database's own time for a statement, planning included, without the network.
import { PgDialect } from "drizzle-orm/pg-core"
import type { Client } from "pg"
import type { Statement } from "../../src/platform/db/client.ts"
import { encodeValue } from "../../src/platform/db/values.ts"
import { median } from "./median.ts"

const dialect = new PgDialect()

type Plan = { "QUERY PLAN": [{ "Planning Time": number; "Execution Time": number }] }

/** The median over `count` runs of planning and execution, in milliseconds. For reads alone. */
export async function databaseMs(
  client: Client,
  statement: Statement<unknown>,
  count: number,
): Promise<number> {
  const query = dialect.sqlToQuery(statement.sql)
  const params = query.params.map(encodeValue)
  const times: number[] = []
  for (let run = 0; run < count; run += 1) {
    const { rows } = await client.query<Plan>(
      `explain (analyze, timing off, format json) ${query.sql}`,
      params,
    )
    const plan = rows[0]?.["QUERY PLAN"][0]
    if (plan === undefined) throw new Error(`no plan of ${statement.name}`)
    times.push(plan["Planning Time"] + plan["Execution Time"])
  }
  return median(times)
}
