// The metrics page, for a scraper that has the metrics token.
import { sql } from "drizzle-orm"
import { sha256 } from "../../platform/hash.ts"
import { statement } from "../../platform/db/client.ts"
import { ApiError } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { readLiveSamples } from "./live.ts"
import { metricsContentType, renderMetrics, type StoredSample } from "../../metrics/render.ts"

/** Scrapes within this time share one read. */
const cacheMs = 15_000

const readSamples = statement<StoredSample>(
  "metrics.read",
  sql`select name, labels, value from metrics`,
)

export const metricsRoutes = createRouter()

metricsRoutes.get("/metrics", async (c) => {
  if (!(await isScraper(c.req.header("Authorization"), c.env.METRICS_TOKEN))) {
    throw new ApiError(
      401,
      "The metrics token is missing or wrong.",
      {},
      { "WWW-Authenticate": 'Bearer realm="metrics"' },
    )
  }
  // The key contains the clock's span, so that an entry never outlives it by the platform's own
  // clock.
  const key = `https://metrics.invalid/${Math.floor(c.get("now").getTime() / cacheMs)}`
  const cached = await caches.default.match(key)
  if (cached) return new Response(cached.body, { headers: { "Content-Type": metricsContentType } })
  const now = c.get("now")
  const [stored, live] = await c.get("db").batch([readSamples, readLiveSamples(now)])
  const page = renderMetrics([...stored, ...live])
  c.executionCtx.waitUntil(
    caches.default.put(
      key,
      new Response(page, { headers: { "Cache-Control": `max-age=${cacheMs / 1000}` } }),
    ),
  )
  return c.body(page, 200, { "Content-Type": metricsContentType })
})

/** Compares digests, whose timing reveals nothing about the token. An unset token admits nobody. */
async function isScraper(header: string | undefined, token: string | undefined): Promise<boolean> {
  const presented = /^Bearer\s+(\S+)$/i.exec(header ?? "")?.[1]
  if (presented === undefined || token === undefined || token === "") return false
  return crypto.subtle.timingSafeEqual(await sha256(presented), await sha256(token))
}
