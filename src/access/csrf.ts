// Cross-site request forgery: a browser adds the session cookie to requests that another site made it send. A call that lives on
// the cookie alone must therefore show that it comes from our own pages (api.md 0.3).
import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import type { Context, MiddlewareHandler } from "hono"
import { getCookie } from "hono/cookie"
import type { AppEnv } from "../platform/http/env.ts"
import { sessionCookie } from "./caller.ts"

const harmless = new Set(["GET", "HEAD", "OPTIONS"])
const exempt = /^\/api\/v2\/(users\/first$|workspaceagents\/)/

/** What our pages send as X-CSRF-TOKEN: bound to the session, so that a planted cookie proves nothing. */
export async function csrfToken(session: string): Promise<string> {
  return createHash("sha256").update(`csrf:${session}`).digest("base64url")
}

export const refuseForgery: MiddlewareHandler<AppEnv> = async (c, next) => {
  const cookie = getCookie(c, sessionCookie)
  if (
    harmless.has(c.req.method) ||
    cookie === undefined ||
    cookie === "" ||
    exempt.test(c.req.path)
  )
    return next()
  if (isOtherwisePresented(c, cookie) || isFromOurPages(c) || (await hasCsrfToken(c, cookie)))
    return next()
  return c.text(
    "Something is wrong with your CSRF token. Please refresh the page and try again.",
    400,
  )
}

/** The token in a place that no other site can fill. */
function isOtherwisePresented(c: Context<AppEnv>, cookie: string): boolean {
  return (
    c.req.header("Coder-Session-Token") === cookie ||
    c.req.query(sessionCookie) === cookie ||
    /^Bearer\s+\S/i.test(c.req.header("Authorization") ?? "")
  )
}

/** Said by the browser itself; scripts cannot set these headers. */
function isFromOurPages(c: Context<AppEnv>): boolean {
  const site = c.req.header("Sec-Fetch-Site")
  if (site !== undefined) return site === "same-origin"
  const origin = c.req.header("Origin")
  return (
    origin !== undefined && [new URL(c.req.url).origin, originOf(c.env.ACCESS_URL)].includes(origin)
  )
}

const originOf = (url: string): string | null => URL.parse(url)?.origin ?? null

async function hasCsrfToken(c: Context<AppEnv>, cookie: string): Promise<boolean> {
  const sent = c.req.header("X-CSRF-TOKEN")
  return sent !== undefined && Buffer.from(sent).equals(Buffer.from(await csrfToken(cookie)))
}
