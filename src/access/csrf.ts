// Protection against cross-site request forgery.
//
// A browser adds the session cookie to requests that another site makes it send. A request that
// authenticates by the cookie alone must therefore prove that it comes from our own pages.
// hono/csrf does not fit: it checks form content types only, so a JSON body with a cookie passes.
import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import type { Context, MiddlewareHandler } from "hono"
import { getCookie } from "hono/cookie"
import type { AppEnv } from "../platform/http/env.ts"
import { badRequest } from "../platform/http/errors.ts"
import { sessionCookie } from "./caller.ts"

const harmless = new Set(["GET", "HEAD", "OPTIONS"])
/** These routes set or clear the session cookie, so another site must not call them at all. */
const cookieRoutes = /^\/api\/v2\/users\/(first|login|logout)$/
const agentRoutes = /^\/api\/v2\/workspaceagents\/me\//

/** The X-CSRF-TOKEN of our pages, bound to the session: a planted cookie proves nothing. */
export async function csrfToken(session: string): Promise<string> {
  return createHash("sha256").update(`csrf:${session}`).digest("base64url")
}

export const refuseForgery: MiddlewareHandler<AppEnv> = async (c, next) => {
  const cookie = getCookie(c, sessionCookie) ?? ""
  const isHarmless = harmless.has(c.req.method) && !isUpgrade(c)
  if (!isHarmless && cookieRoutes.test(c.req.path) && isFromOtherPages(c)) throw forged()
  if (isHarmless || cookie === "" || isExempt(c.req.path)) return next()
  if (isOtherwisePresented(c, cookie) || isFromOurPages(c) || (await hasCsrfToken(c, cookie)))
    return next()
  throw forged()
}

const forged = () =>
  badRequest("Something is wrong with your CSRF token. Please refresh the page and try again.")

const isExempt = (path: string) => path === "/api/v2/users/first" || agentRoutes.test(path)

/** A WebSocket is not bound by the same-origin policy, so its handshake counts as a write. */
const isUpgrade = (c: Context<AppEnv>) => /\bwebsocket\b/i.test(c.req.header("Upgrade") ?? "")

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
  return origin !== undefined && isOurs(c, origin)
}

/** True if a browser sends the request for another site. Other clients send neither header. */
function isFromOtherPages(c: Context<AppEnv>): boolean {
  const origin = c.req.header("Origin")
  return (
    ["cross-site", "same-site"].includes(c.req.header("Sec-Fetch-Site") ?? "") ||
    (origin !== undefined && !isOurs(c, origin))
  )
}

const isOurs = (c: Context<AppEnv>, origin: string): boolean =>
  [new URL(c.req.url).origin, URL.parse(c.env.ACCESS_URL)?.origin].includes(origin)

async function hasCsrfToken(c: Context<AppEnv>, cookie: string): Promise<boolean> {
  const sent = c.req.header("X-CSRF-TOKEN")
  return sent !== undefined && Buffer.from(sent).equals(Buffer.from(await csrfToken(cookie)))
}
