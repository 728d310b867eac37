// The cookies of a browser session.
//
// Our own pages send the value of the second one to prove that a request is theirs.
import type { Context } from "hono"
import { deleteCookie, setCookie } from "hono/cookie"
import { csrfToken } from "../../access/csrf.ts"
import { sessionCookie } from "../../access/caller.ts"
import type { AppEnv } from "../../platform/http/env.ts"

const maxAgeSeconds = 365 * 24 * 60 * 60
const csrfCookie = "csrf_token"

const isSecure = (c: Context<AppEnv>) => c.env.ACCESS_URL.startsWith("https:")

export async function setSessionCookies(c: Context<AppEnv>, token: string): Promise<void> {
  const common = { path: "/", maxAge: maxAgeSeconds, sameSite: "Lax", secure: isSecure(c) } as const
  setCookie(c, sessionCookie, token, { ...common, httpOnly: true })
  setCookie(c, csrfCookie, await csrfToken(token), common)
}

export function clearSessionCookies(c: Context<AppEnv>): void {
  for (const name of [sessionCookie, csrfCookie])
    deleteCookie(c, name, { path: "/", secure: isSecure(c) })
}
