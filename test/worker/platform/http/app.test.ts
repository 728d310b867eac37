// The ground that every route stands on: errors, bodies, methods, headers.
import { env, exports } from "cloudflare:workers"
import { createExecutionContext } from "cloudflare:test"
import { neonConfig } from "@neondatabase/serverless"
import { describe, expect, test, vi } from "vitest"
import worker from "../../../../dev/local/worker-entry.ts"
import openapi from "../../../../openapi.json"
import { givenUser } from "../../given-people.ts"
import { api, fetchWorker } from "../../harness.ts"

describe("every answer", () => {
  test("names the version that clients compare, and forbids sniffing", async () => {
    const { status, headers, text } = await api("/healthz")
    expect([status, text]).toEqual([200, "OK"])
    expect(headers.get("X-Coder-Build-Version")).toMatch(/^v2\.36\.0\+/)
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff")
  })
})

describe("a path", () => {
  test.each(["/api/v2/users/me/", "//api/v2/users/me", "/api/v2//users///me//"])(
    "%s is the same as without its superfluous slashes",
    async (path) => {
      const { id, token } = await givenUser()
      const { status, body } = await api(path, { token })
      expect([status, body.id]).toEqual([200, id])
      expect((await api(path)).status).toBe(401)
    },
  )
})

describe("security headers", () => {
  test("an answer of the API is stored by no cache and reached over TLS only", async () => {
    const { token } = await givenUser()
    const { headers } = await api("/api/v2/users/me", { token })
    expect(headers.get("Cache-Control")).toBe("no-store")
    expect(headers.get("Strict-Transport-Security")).toMatch(/^max-age=\d{8}$/)
    expect(headers.get("X-Frame-Options")).toBe("DENY")
    expect(headers.get("Referrer-Policy")).toBe("no-referrer")
  })

  test("the document is revalidated by its tag", async () => {
    const first = await api("/openapi.json")
    const tag = first.headers.get("ETag") ?? ""
    expect(tag).toMatch(/^"[0-9a-f]{64}"$/)
    const again = await api("/openapi.json", { headers: { "If-None-Match": tag } })
    expect([again.status, again.text, again.headers.get("ETag")]).toEqual([304, "", tag])
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
    expect([status, text, headers.get("Allow")]).toEqual([405, "", "GET, HEAD"])
  })

  test.each([
    ["PATCH", "/api/v2/workspaces/usage", "POST"],
    ["GET", "/api/v2/workspaces/app-stats", "POST"],
    ["DELETE", "/api/v2/templates/examples", "GET, HEAD"],
    ["POST", "/api/v2/workspaces/not-a-uuid/ttl", "PUT"],
  ])("%s %s lists what that path has, not what its neighbour has", async (method, path, allow) => {
    const { token } = await givenUser()
    const { status, headers } = await api(path, { method, token })
    expect([status, headers.get("Allow")]).toEqual([405, allow])
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

  test("a database that cannot be reached is a fixed sentence for reads and writes", async () => {
    const { token } = await givenUser()
    const passOn = neonConfig.fetchFunction
    neonConfig.fetchFunction = () => Promise.reject(new Error("connect ECONNREFUSED 10.0.0.1:5432"))
    const read = await api("/api/v2/users/me", { token })
    const written = await api("/api/v2/users/me/keys/tokens", { token, body: {} })
    const repeated = await api("/api/v2/users/me/quiet-hours", {
      method: "PUT",
      token,
      body: { schedule: "CRON_TZ=UTC 0 2 * * *" },
    })
    const message = "The database is not available. Please try again in a moment."
    for (const { status, body, headers } of [read, written, repeated]) {
      expect([status, body.message, headers.get("Retry-After")]).toEqual([503, message, "5"])
    }
    expect([read.body.detail, written.body.detail, repeated.body.detail]).toEqual([
      undefined,
      "The outcome is unknown: the request may have been done, and a second one does it again.",
      "The outcome is unknown: the request may have been done. It is safe to repeat.",
    ])
    neonConfig.fetchFunction = passOn
    expect((await api("/api/v2/users/me", { token })).status).toBe(200)
  })
})

describe("413", () => {
  test("a JSON body beyond the bound, whether it says its length or not", async () => {
    const { token } = await givenUser()
    const large = JSON.stringify({ name: "x".repeat(4 * 1024 * 1024) })
    const path = "/api/v2/users/me/keys/tokens"
    const said = await api(path, { token, body: large })
    expect([said.status, said.text]).toEqual([413, '{"message":"Request body too large."}\n'])
    const streamed = new Response(large).body!.pipeThrough(new TransformStream())
    const unsaid = await exports.default.fetch(`https://dormouse.test${path}`, {
      method: "POST",
      headers: { "Coder-Session-Token": token },
      body: streamed,
    })
    expect([unsaid.status, await unsaid.text()]).toEqual([
      413,
      '{"message":"Request body too large."}\n',
    ])
  })
})

describe("whatever is sent", () => {
  const shapes = { organization: "default", user: "me" } as Record<string, string>
  const bodies = ["{", "[]", '{"name":5,"id":[],"value":{}}', '{"name":"\\u0000"}']
  /** Every operation of the document, with ids that are none and with ids that nobody has. */
  const operations = Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, { requestBody?: unknown }>).map(
      ([method, { requestBody }]) => ({
        method: method.toUpperCase(),
        path,
        takesBody: requestBody !== undefined,
      }),
    ),
  )
  const fill = (path: string, id: string) =>
    path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => shapes[name] ?? id)

  test("no operation answers with a 5xx, and each refusal is an error body", async () => {
    expect(operations.length).toBeGreaterThan(150)
    const found: string[] = []
    const attempt = async (
      method: string,
      path: string,
      token: string,
      body: string | undefined,
    ) => {
      const answer = await fetchWorker(path, { method, token, body })
      const isStream =
        answer.webSocket !== null || answer.headers.get("Content-Type") === "text/event-stream"
      const text = isStream ? "" : await answer.text()
      if (isStream) await answer.body?.cancel()
      if (answer.status >= 500 || (answer.status >= 400 && !text.startsWith('{"message":"')))
        found.push(`${method} ${path} ${body?.slice(0, 20)}: ${answer.status} ${text.slice(0, 80)}`)
    }
    for (const { method, path, takesBody } of operations) {
      // Each its own person: some of these end the session.
      const { token } = await givenUser({ roles: ["owner"] })
      const nobodys = fill(path, crypto.randomUUID())
      await Promise.all([
        attempt(method, fill(path, "%00"), token, undefined),
        attempt(method, nobodys, token, undefined),
        ...(takesBody ? bodies.map((body) => attempt(method, nobodys, token, body)) : []),
      ])
    }
    expect(found).toEqual([])
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

test("the reference page loads its viewer from here alone, with nothing inline", async () => {
  const document = await api("/openapi.json")
  expect(document.body.openapi).toBe("3.1.0")
  const page = await fetchWorker("/docs")
  expect(page.headers.get("Content-Type")).toContain("text/html")
  expect(page.headers.get("Content-Security-Policy")).toMatch(
    /default-src 'none'; script-src 'self'; style-src 'self'/,
  )
  const text = await page.text()
  const sources = [...text.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, source]) => source)
  expect(sources).toContain("/docs/swagger-ui-bundle.js")
  expect(sources.filter((source) => !/^\/[^/]/.test(source ?? ""))).toEqual([])
  expect(text).not.toMatch(/<script(?![^>]* src=)|<style| on\w+=/)
})
