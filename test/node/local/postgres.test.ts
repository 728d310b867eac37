// The embedded PostgreSQL survives a killed runner, a foreign pid file, and two starts at once.
import { execFile } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Client } from "pg"
import { afterAll, expect, test } from "vitest"
import { AlreadyRunning, startPostgres, type LocalPostgres } from "../../../dev/local/postgres.ts"
import { isAlive } from "../../../dev/process/table.ts"

// Below a folder that an unprivileged user cannot enter, as a checkout in root's home is.
const parent = mkdtempSync(join(tmpdir(), "dormouse-postgres-test-"))
const directory = join(parent, "data")
const pidFile = join(directory, "cluster", "postmaster.pid")
afterAll(() => rmSync(parent, { recursive: true, force: true }))

const start = () => startPostgres({ directory, durable: false })

async function ask(postgres: LocalPostgres, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: postgres.url("postgres") })
  await client.connect()
  const { rows } = await client.query(text)
  await client.end()
  return rows
}

test("keeps its data over a restart, and leaves no process", async () => {
  const first = await start()
  await ask(first, "create table kept as select 1 as n")
  const pid = Number(readFileSync(pidFile, "utf8").split("\n")[0])
  await first.stop()
  expect(isAlive(pid)).toBe(false)
  const second = await start()
  expect(await ask(second, "select n from kept")).toEqual([{ n: 1 }])
  await second.stop()
})

const postgresModule = JSON.stringify(join(import.meta.dirname, "../../../dev/local/postgres.ts"))

test("stops the server of a killed runner and recovers its commits", async () => {
  const program = `
    import { startPostgres } from ${postgresModule}
    import { Client } from "pg"
    const postgres = await startPostgres({ directory: ${JSON.stringify(directory)} })
    const client = new Client({ connectionString: postgres.url("postgres") })
    await client.connect()
    await client.query("insert into kept values (2)")
    process.kill(process.pid, "SIGKILL")`
  await new Promise<void>((done) => {
    const cwd = join(import.meta.dirname, "../../..")
    execFile(process.execPath, ["--input-type=module", "-e", program], { cwd }, () => done())
  })
  const orphan = Number(readFileSync(pidFile, "utf8").split("\n")[0])
  expect(isAlive(orphan)).toBe(true)
  const postgres = await start()
  expect(isAlive(orphan)).toBe(false)
  expect(await ask(postgres, "select n from kept order by n")).toEqual([{ n: 1 }, { n: 2 }])
  await postgres.stop()
})

test("starts despite a pid file whose number belongs to another program", async () => {
  writeFileSync(pidFile, `${process.pid}\n`)
  const postgres = await start()
  expect(await ask(postgres, "select count(*)::int as n from kept")).toEqual([{ n: 2 }])
  await postgres.stop()
})

test("rejects a second start on the same data while the first runs", async () => {
  const postgres = await start()
  await expect(start()).rejects.toThrow(AlreadyRunning)
  expect(await ask(postgres, "select 1 as n")).toEqual([{ n: 1 }])
  await postgres.stop()
})

test("repeats a first start that was interrupted", async () => {
  const cut = join(parent, "cut")
  mkdirSync(join(cut, "cluster.partial", "base"), { recursive: true })
  const postgres = await startPostgres({ directory: cut, durable: false })
  expect(await ask(postgres, "show listen_addresses")).toEqual([{ listen_addresses: "127.0.0.1" }])
  await postgres.stop()
  expect(existsSync(join(cut, "cluster.partial"))).toBe(false)
})
