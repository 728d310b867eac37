// The small rules of the local programs: what they read from the environment, and how they judge a bench.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { isMet, report } from "../../bench/lib/report.ts"
import { median } from "../../bench/lib/median.ts"
import { readDatabaseUrl } from "../../dev/database-url.ts"
import { choosePort } from "../../dev/free-port.ts"
import { takeLock } from "../../dev/process-lock.ts"
import { readQuery } from "../../dev/neon-request.ts"

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

describe("a port of the environment", () => {
  test("is taken when it is one", async () => {
    expect(await choosePort("7080", "PORT")).toBe(7080)
    expect(await choosePort(undefined, "PORT")).toBeGreaterThan(1023)
  })
  test.each(["0", "65536", "x", "1.5", "-1"])("%s is refused", async (text) => {
    await expect(choosePort(text, "PORT")).rejects.toThrow("PORT must be a port number")
  })
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
  test("of a dead process, or of a number that another program got, counts for nothing", () => {
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
    expect(report({ bench: "x", figures: { ms: 1 }, targets }, (line) => lines.push(line))).toBe(false)
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
