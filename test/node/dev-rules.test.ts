// Small rules of the local programs: reading the environment, and checking a bench's targets.
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { isMet, report } from "../../bench/lib/report.ts"
import { median } from "../../bench/lib/median.ts"
import { readDatabaseUrl } from "../../dev/database/database-url.ts"
import { freePort, preferPort, readPort, requireFree } from "../../dev/process/free-port.ts"
import { greeting } from "../../dev/local/greeting.ts"
import { takeLock } from "../../dev/process/lock.ts"
import { readQuery } from "../../dev/local/neon-request.ts"

const directory = mkdtempSync(join(tmpdir(), "dormouse-test-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe("DATABASE_URL", () => {
  test.each([
    ["postgres://u:p@localhost/db", { kind: "postgres", host: "localhost", port: 5432 }],
    ["postgresql://u:p@db.example.test:6543/db?sslmode=require", { kind: "postgres", port: 6543 }],
    ["postgres://u:p@ep-x-pooler.eu-central-1.aws.neon.tech/db", { kind: "neon" }],
    ["postgres://u:p@neon.tech.example.test/db", { kind: "postgres" }],
  ])("%s", (text, expected) => {
    expect(readDatabaseUrl(text)).toMatchObject(expected)
  })
  test.each([
    "mysql://secret:secret@host/db",
    "secret",
    "postgres://",
    "postgres://host-secret/db",
    "postgres://secret:secret@host",
    "postgres://secret:secret@host:notaport/db",
  ])("a wrong one (%s) is refused in a sentence without it", (text) => {
    const refusal = () => readDatabaseUrl(text)
    expect(refusal).toThrow(/DATABASE_URL .*Expected postgres:\/\/user:password@host\/database/)
    expect(refusal).not.toThrow(/secret/)
  })
})

describe("a port", () => {
  test("of the environment is used if it is valid", () => {
    expect(readPort("7080", "PORT")).toBe(7080)
  })
  test.each(["0", "65536", "x", "1.5", "-1"])("%s is refused", (text) => {
    expect(() => readPort(text, "PORT")).toThrow("PORT must be a port number")
  })
  test("that is busy is rejected if it is required, and replaced if it is preferred", async () => {
    const server = createServer()
    const port = await new Promise<number>((done) => {
      server.listen(0, "127.0.0.1", () => done(Object(server.address()).port))
    })
    await expect(requireFree(port)).rejects.toThrow(`Port ${port} is in use by another program.`)
    expect(await preferPort(port)).not.toBe(port)
    await new Promise((done) => server.close(done))
    await requireFree(port)
    expect(await preferPort(port)).toBe(port)
    expect(await freePort()).toBeGreaterThan(1023)
  })
})

test("the greeting's commands parse in a shell and send JSON", () => {
  const text = greeting({
    url: "http://127.0.0.1:7080",
    email: "admin@example.com",
    password: "p-_1",
    templateId: "11111111-1111-4111-8111-111111111111",
    workspaceId: "22222222-2222-4222-8222-222222222222",
  })
  const commands = text
    .replaceAll("\\\n", " ")
    .split("\n")
    .flatMap((line) => /(?:AUTH=|curl -s).*/.exec(line)?.[0] ?? [])
  expect(commands).toHaveLength(5)
  // Replaces curl: prints each of its arguments on a line.
  const shown = execFileSync(
    "sh",
    ["-c", `curl() { printf '%s\\n' "$@"; }; ${commands.join("; ")}`],
    {
      encoding: "utf8",
    },
  )
  const sent = shown.split("\n").filter((line) => line.startsWith("{"))
  expect(sent.map((line) => Object.keys(JSON.parse(line)))).toEqual([
    ["name", "template_id", "rich_parameter_values"],
  ])
  const paths = shown.match(/(?<=\/api\/v2)\S+/g)?.filter((path) => path !== "/users/login")
  expect(paths).toEqual([
    "/workspaces",
    "/workspaces/22222222-2222-4222-8222-222222222222/lifecycle",
    "/users/me/workspaces",
    "/templates/11111111-1111-4111-8111-111111111111/prebuilds",
  ])
})

describe("the lock", () => {
  const path = join(directory, "lock")
  test("has one holder at a time and names it", () => {
    const lock = takeLock(path)
    expect(takeLock(path)).toEqual({ holderPid: process.pid })
    if ("release" in lock) lock.release()
    expect(takeLock(path)).toHaveProperty("release")
    rmSync(path)
  })
  test("is ignored if its process ended, or its number belongs to another program", () => {
    for (const left of ["999999999 1", "1 not-its-start", "", "garbage"]) {
      writeFileSync(path, left)
      expect(takeLock(path)).toHaveProperty("release")
      expect(readFileSync(path, "utf8")).toContain(String(process.pid))
      rmSync(path)
    }
  })
})

describe("a request to the Neon endpoint", () => {
  test("takes bare JSON values as their text", () => {
    expect(readQuery('{"query": "q", "params": [1, true, null, "x", ["a"]]}')).toEqual({
      query: "q",
      params: ["1", "true", null, "x", ["a"]],
    })
  })
})

describe("a bench's report", () => {
  test.each([
    [{ name: "t", value: 5, atLeast: 5 }, true],
    [{ name: "t", value: 4.99, atLeast: 5 }, false],
    [{ name: "t", value: 3, atMost: 3 }, true],
    [{ name: "t", value: 3.01, atMost: 3 }, false],
    [{ name: "t", value: Number.NaN, atMost: 3 }, false],
    [{ name: "t", value: 1 }, true],
  ])("%o: %s", (target, met) => {
    expect(isMet(target)).toBe(met)
  })
  test("ends with one JSON line", () => {
    const lines: string[] = []
    const targets = [{ name: "ratio", value: 2, atLeast: 3 }]
    expect(report({ bench: "x", figures: { ms: 1 }, targets }, (line) => lines.push(line))).toBe(
      false,
    )
    expect(JSON.parse(lines.at(-1) ?? "")).toEqual({
      bench: "x",
      figures: { ms: 1 },
      targets: [{ ...targets[0], met: false }],
      ok: false,
    })
  })
  test("takes the middle of odd and even counts", () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5])
  })
})
