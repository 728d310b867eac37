// In production the clock is the platform's, and the deployed code has no way to set it.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { build } from "esbuild"
import { convertV4MiniflareOptions, Miniflare } from "miniflare"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { limits } from "../../src/access/limits.ts"

const root = join(import.meta.dirname, "..", "..")
const bundled = await build({
  absWorkingDir: root,
  entryPoints: ["src/index.ts"],
  bundle: true,
  write: false,
  format: "esm",
  target: "es2024",
  conditions: ["workerd", "worker", "browser"],
  external: ["cloudflare:*", "node:*"],
  metafile: true,
  logLevel: "silent",
})
const contents = bundled.outputFiles[0]?.text ?? ""

test("the deployment is src/index.ts, without the local system and the tests", () => {
  expect(readFileSync(join(root, "wrangler.toml"), "utf8")).toMatch(/^main = "src\/index\.ts"$/m)
  const inputs = Object.keys(bundled.metafile.inputs).filter(
    (path) => !path.startsWith("node_modules/"),
  )
  expect(inputs.length).toBeGreaterThan(10)
  expect(inputs.filter((path) => !path.startsWith("src/"))).toEqual([])
  expect(contents).not.toMatch(/shiftClock|setLocalClock|fireAlarm|LocalControl|NEON_ENDPOINT/)
})

test("its entry runs on the platform's clock", () => {
  const entry = readFileSync(join(root, "src/index.ts"), "utf8")
  expect(entry).toContain("export default createWorker(platformClock)")
  expect(readFileSync(join(root, "src/clock.ts"), "utf8")).toContain(
    "export const platformClock: Clock = () => new Date()",
  )
})

describe("the deployed bundle", () => {
  const control = { shiftClock: 3_600_000 }
  let miniflare: Miniflare
  const asked: { statement: string; at: string[] }[] = []

  // Stands in for the database: it records the instants that the Worker binds, and refuses.
  beforeAll(async () => {
    miniflare = new Miniflare(
      convertV4MiniflareOptions({
        modules: [{ type: "ESModule", path: "index.js", contents }],
        compatibilityDate: "2026-11-01",
        durableObjects: {},
        ratelimits: Object.fromEntries(
          Object.keys(limits).map((name) => [
            name,
            { namespace_id: name, simple: { limit: 100, period: 60 } },
          ]),
        ),
        bindings: {
          DATABASE_URL: "postgres://u:p@db.example.test/none",
          ACCESS_URL: "http://127.0.0.1",
          // These are no bindings of production, which therefore ignores them.
          LOCAL_CONTROL: JSON.stringify(control),
          NEON_ENDPOINT: "http://127.0.0.1:1/sql",
        },
        cf: false,
        telemetry: { enabled: false },
        handleStructuredLogs: () => {},
        outboundService: async (request) => {
          const body: { queries?: { query: string; params: string[] }[] } = Object(
            await request.json(),
          )
          for (const { query, params } of body.queries ?? []) {
            asked.push({
              statement: query,
              at: params.filter((value) => /^\d{4}-\d\d-\d\dT/.test(value)),
            })
          }
          return new (await import("miniflare")).Response("{}", { status: 500 })
        },
      }),
    )
    await miniflare.ready
  })
  afterAll(() => miniflare.dispose())

  test("binds the platform's instant, whatever a request says of time", async () => {
    const future = "2031-01-01T00:00:00.000Z"
    const headers = {
      "Coder-Session-Token": "aaaaaaaaaa-bbbbbbbbbbbbbbbbbbbbbb",
      Date: new Date(future).toUTCString(),
      "X-Now": future,
      "X-Clock": future,
      "X-Dormouse-Now": future,
      "CF-Request-Time": future,
    }
    const before = Date.now()
    for (const path of [
      "/api/v2/workspaces",
      `/api/v2/workspaces?now=${future}&at=${future}&clock=${future}`,
    ]) {
      await miniflare.dispatchFetch(`http://localhost${path}`, { headers })
    }
    const after = Date.now()
    const instants = asked.flatMap(({ at }) => at).map((text) => Date.parse(text))
    // A statement may bind bounds before now ("seen in the last 90 s"); the latest instant is now
    // itself.
    const latest = Math.max(...instants)
    expect(latest).toBeGreaterThanOrEqual(before)
    expect(latest).toBeLessThanOrEqual(after)
  })

  test("knows no address at which a clock could be set", async () => {
    for (const path of [
      "/__clock",
      "/clock",
      "/api/v2/clock",
      "/__scheduled",
      "/cdn-cgi/handler/scheduled",
    ]) {
      for (const method of ["GET", "POST", "PUT"]) {
        const response = await miniflare.dispatchFetch(`http://localhost${path}`, { method })
        expect([method, path, response.ok]).toEqual([method, path, false])
      }
    }
  })
})
