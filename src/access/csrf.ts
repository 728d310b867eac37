// Protection against cross-site request forgery.
//
// A browser adds the session cookie to requests that another site makes it send. A request that
// authenticates by the cookie alone must therefore prove that it comes from our own pages.
// hono/csrf does not fit: it inspects form content types only, and a JSON body with a cookie
// passes.
import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import type { Context, MiddlewareHandler } from "hono"
import { getCookie } from "hono/cookie"
import type { AppEnv } from "../platform/http/env.ts"
import { sessionCookie } from "./caller.ts"

const harmless = new Set(["GET", "HEAD", "OPTIONS"])
const exempt = /^\/api\/v2\/(users\/first$|workspaceagents\/)/

/**
 * The X-CSRF-TOKEN of our pages. It is bound to the session, so a planted cookie proves nothing.
 */
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

/** True if the token is also in a place that another site cannot fill. */
function isOtherwisePresented(c: Context<AppEnv>, cookie: string): boolean {
  return (
    c.req.header("Coder-Session-Token") === cookie ||
    c.req.query(sessionCookie) === cookie ||
    /^Bearer\s+\S/i.test(c.req.header("Authorization") ?? "")
  )
}

/** The browser sets these headers itself; scripts cannot. */
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
