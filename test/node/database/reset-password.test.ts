// The command that resets a password, as a process: its output and its writes.
import { execFile } from "node:child_process"
import { join } from "node:path"
import { Client } from "pg"
import { afterAll, beforeAll, expect, inject, test } from "vitest"
import { rootDirectory } from "../../../dev/root.ts"
import { isPassword } from "../../../src/identity/sessions/password.ts"
import { findPasswordProblem } from "../../../src/identity/sessions/password-strength.ts"

const name = `t_${crypto.randomUUID().replaceAll("-", "")}`
const url = inject("adminUrl").replace(/[^/]*$/, name)
let client: Client

beforeAll(async () => {
  const admin = new Client({ connectionString: inject("adminUrl") })
  await admin.connect()
  await admin.query(`create database ${name} template dormouse_template`)
  await admin.end()
  client = new Client({ connectionString: url })
  await client.connect()
  await client.query(`insert into users (id, username, email, site_roles, status, hashed_password,
    created_at, updated_at)
    select gen_random_uuid(), u, u || '@example.test', '{owner}', 'dormant', 'lost', 'epoch',
      'epoch' from unnest('{ada,eve}'::text[]) u`)
  await client.query(`insert into api_keys (id, user_id, hashed_secret, login_type,
    lifetime_seconds, expires_at, created_at, updated_at)
    select 'key-of-' || u.username, u.id, sha256('x'), 'password', 1, 'epoch', 'epoch', 'epoch'
      from users u where not u.is_system`)
})

afterAll(async () => {
  await client.end()
  const admin = new Client({ connectionString: inject("adminUrl") })
  await admin.connect()
  await admin.query(`drop database ${name} with (force)`)
  await admin.end()
})

function run(parameters: string[], databaseUrl?: string) {
  return new Promise<{ code: number; text: string }>((resolve) => {
    execFile(
      process.execPath,
      [join(rootDirectory, "dev/database/reset-password.ts"), ...parameters],
      { env: { ...process.env, DATABASE_URL: databaseUrl ?? "" } },
      (error, out, problem) =>
        resolve({ code: error === null ? 0 : Number(error.code), text: out + problem }),
    )
  })
}

test("sets a strong password, ends the account's keys, and writes an audit row", async () => {
  const { code, text } = await run(["ADA@example.test"], url)
  expect([code, text]).toEqual([0, expect.stringContaining("ada (ada@example.test)")])
  const password = /from now on: (\S+)/.exec(text)?.[1] ?? ""
  expect(findPasswordProblem(password)).toBeNull()
  const { rows: users } = await client.query(
    "select username, status, hashed_password from users where not is_system order by username",
  )
  expect(await isPassword(password, users[0]?.hashed_password)).toBe(true)
  expect(users[0]?.status).toBe("active")
  expect(users[1]).toEqual({ username: "eve", status: "dormant", hashed_password: "lost" })
  expect((await client.query("select id from api_keys")).rows).toEqual([{ id: "key-of-eve" }])
  const { rows: trail } = await client.query(
    "select resource_type, resource_target, action, diff from audit_logs",
  )
  expect(trail).toEqual([
    {
      resource_type: "user",
      resource_target: "ada",
      action: "write",
      diff: { hashed_password: { old: "", new: "", secret: true } },
    },
  ])
})

test("makes the account an owner with --owner, and audits the role", async () => {
  await client.query("update users set site_roles = '{auditor}' where username = 'eve'")
  const { code, text } = await run(["--owner", "eve"], url)
  expect([code, text]).toEqual([0, expect.stringContaining("is an owner")])
  const { rows } = await client.query("select site_roles from users where username = 'eve'")
  expect(rows).toEqual([{ site_roles: ["auditor", "owner"] }])
  const { rows: trail } = await client.query(
    "select diff -> 'rbac_roles' as roles from audit_logs where resource_target = 'eve'",
  )
  expect(trail).toEqual([{ roles: { old: ["auditor"], new: ["auditor", "owner"], secret: false } }])
})

test.each([
  [["nobody@example.test"], "There is no account"],
  [["prebuilds"], "There is no account"],
  [[], "usage:"],
  [["ada", "eve"], "usage:"],
])("%j is refused, and nothing of the database's address is said", async (parameters, sentence) => {
  const { code, text } = await run(parameters, url)
  expect([code, text]).toEqual([1, expect.stringContaining(sentence)])
  expect(text).not.toContain(name)
})

test("without a database it says how it is used", async () => {
  expect(await run(["ada"])).toEqual({ code: 1, text: expect.stringContaining("DATABASE_URL") })
})
