// A column that is added later is missed by no trigger that lists columns: each is listed, or here.
import { join } from "node:path"
import { Client } from "pg"
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest"
import { checksumOf, migrate, readMigrations } from "../../../dev/database/migrations.ts"
import { rootDirectory } from "../../../dev/root.ts"

const now = new Date("2026-03-04T09:00:00Z")
const migrations = readMigrations(join(rootDirectory, "migrations"))
const url = inject("adminUrl").replace(/[^/]*$/, "columns_test")

const admin = new Client({ connectionString: inject("adminUrl") })
const client = new Client({ connectionString: url })

beforeAll(async () => {
  await admin.connect()
  await admin.query("create database columns_test")
  await migrate(url, migrations, now)
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await admin.query("drop database columns_test with (force)")
  await admin.end()
})

/** Written with the row, or copies that triggers maintain. */
const ownOfWorkspaces = columns(
  "id organization_id template_id created_at updated_at",
  "owner_name latest_build_id latest_build_number latest_transition latest_job_status",
)

/** Columns of the table that the triggers need not fire for. */
const triggers = [
  {
    // Marks a workspace dirty.
    names: ["workspaces_before_update"],
    table: "workspaces",
    // Names and access decide over no rule; use is a heartbeat, and the bound is what it sets.
    ignored: [
      ...ownOfWorkspaces,
      ...columns("name favorite user_acl group_acl last_used_at check_at"),
    ],
  },
  {
    // Demands an audit row of a person's change.
    names: ["workspaces_change_audited", "workspaces_ttl_change_audited"],
    table: "workspaces",
    // The lifecycle writes the next start, use, the deletion and the bound. A favourite is its
    // owner's own affair. Shares are not served. The claim writes the owner, and audits it.
    ignored: [
      ...ownOfWorkspaces,
      ...columns("owner_id next_start_at last_used_at deleting_at check_at"),
      ...columns("favorite user_acl group_acl deleted"),
    ],
  },
]

function columns(...lines: string[]): string[] {
  return lines.flatMap((line) => line.split(" "))
}

async function columnsOf(table: string): Promise<string[]> {
  const { rows } = await client.query(
    `select attname from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
    [table],
  )
  return rows.map(({ attname }) => attname)
}

/** The columns that fire a trigger, and its condition. */
async function firing(name: string): Promise<{ columns: string[]; definition: string }> {
  const { rows } = await client.query(
    `select pg_get_triggerdef(t.oid) as definition, array(
       select a.attname::text from pg_attribute a
       where a.attrelid = t.tgrelid and a.attnum = any(t.tgattr)) as columns
     from pg_trigger t where t.tgname = $1`,
    [name],
  )
  return rows[0]
}

async function listedBy(names: string[]): Promise<string[]> {
  const found = await Promise.all(names.map(firing))
  return found.flatMap(({ columns }) => columns)
}

test.each(triggers)("$names fire for every column but those named here", async (trigger) => {
  const listed = [...(await listedBy(trigger.names)), ...trigger.ignored]
  expect(listed.sort()).toEqual((await columnsOf(trigger.table)).sort())
})

test.each(triggers.flatMap(({ names }) => names))("%s compares what fires it", async (name) => {
  const { columns, definition } = await firing(name)
  const [, condition] = /WHEN (.*) EXECUTE/.exec(definition) ?? []
  if (condition === undefined) return expect(name).toBe("workspaces_before_update")
  for (const column of columns) {
    expect(condition).toMatch(new RegExp(`old\\.${column}\\b.*new\\.${column}\\b`))
  }
})

describe("a column that is added", () => {
  beforeAll(async () => {
    const sql = `alter table workspaces add column hold_until timestamptz(3);
      alter table templates add column hold_ms bigint not null default 0;`
    const added = { name: "9999_hold", sql, checksum: checksumOf(sql) }
    await migrate(url, { ...migrations, numbered: [...migrations.numbered, added] }, now)
  })

  test("to workspaces is in workspaces_expanded, and missing in each trigger's list", async () => {
    const { fields } = await client.query("select * from workspaces_expanded limit 0")
    expect(fields.map(({ name }) => name)).toContain("hold_until")
    const present = await columnsOf("workspaces")
    for (const { names, ignored } of triggers) {
      const listed = new Set([...(await listedBy(names)), ...ignored])
      expect(present.filter((column) => !listed.has(column))).toEqual(["hold_until"])
    }
  })

  test("to templates belongs to the policy that two triggers compare", async () => {
    const { rows } = await client.query(
      `select template_policy(jsonb_populate_record(null::templates, '{"hold_ms": 5}')) as policy`,
    )
    expect(rows[0].policy).toHaveProperty("hold_ms", 5)
    for (const name of ["templates_after_policy", "templates_change_audited"]) {
      const { columns, definition } = await firing(name)
      expect(columns).toEqual([])
      expect(definition).toContain(
        "(template_policy(old.*) IS DISTINCT FROM template_policy(new.*))",
      )
    }
  })
})
