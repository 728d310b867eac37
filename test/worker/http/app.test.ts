// The ground that every route stands on: errors, bodies, methods, headers.
import { env } from "cloudflare:workers"
import { createExecutionContext } from "cloudflare:test"
import { describe, expect, test, vi } from "vitest"
import worker from "../../../dev/worker.ts"
import { api, fetchWorker } from "../harness.ts"

describe("every answer", () => {
  test("names the version that clients compare, and forbids sniffing", async () => {
    const { status, headers, text } = await api("/healthz")
    expect([status, text]).toEqual([200, "OK"])
    expect(headers.get("X-Coder-Build-Version")).toMatch(/^v2\.36\.0\+/)
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff")
  })
})

describe("404", () => {
  test("an unknown route", async () => {
    const { status, headers, text } = await api("/api/v2/nothing-here")
    expect(status).toBe(404)
    expect(headers.get("Content-Type")).toBe("application/json; charset=utf-8")
    expect(text).toBe('{"message":"Route not found."}\n')
    expect(headers.get("X-Coder-Build-Version")).toMatch(/^v/)
  })
})

describe("405", () => {
  test("a known path under another method, with an empty body", async () => {
    const { status, headers, text } = await api("/healthz", { method: "POST" })
    expect([status, text, headers.get("Allow")]).toEqual([405, "", "GET"])
  })
})

describe("503", () => {
  const without = (url: string) =>
    worker.fetch(
      new Request("https://dormouse.test/api/v2/users/me", {
        headers: { "Coder-Session-Token": "abcdefghij-abcdefghijklmnopqrstuv" },
      }) as never,
      { ...env, DATABASE_URL: url },
      createExecutionContext(),
    )

  test("a DATABASE_URL that is malformed is said so, and not repeated", async () => {
    const response = await without("mysql://someone:hunter2@example.test/db")
    expect(response.status).toBe(503)
    expect(await response.text()).not.toContain("hunter2")
  })
})

describe("the log", () => {
  test("has one line a request, without the token in its URL", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {})
    await (
      await fetchWorker("/api/v2/nothing?coder_session_token=abcdefghij-abcdefghijklmnopqrstuv&x=1")
    ).text()
    const lines = log.mock.calls.map(([line]) => JSON.stringify(line))
    log.mockRestore()
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain("coder_session_token=redacted")
    expect(lines[0]).not.toContain("abcdefghijklmnopqrstuv")
  })
})

test("the reference page lists what the document has", async () => {
  const document = await api("/openapi.json")
  expect(document.body.openapi).toBe("3.1.0")
  const page = await fetchWorker("/docs")
  expect(page.headers.get("Content-Type")).toContain("text/html")
  expect(await page.text()).toContain("<h1>Dormouse</h1>")
})
