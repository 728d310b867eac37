// Signing in and out.
import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "hono"
import { limitAccount, limitSignIn } from "../../access/rate-limit.ts"
import { auditRequest } from "../../audit/request.ts"
import type { AppEnv } from "../../platform/http/env.ts"
import { ApiError } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, messageSchema } from "../../platform/http/wire.ts"
import { admitHashing } from "./admit-hashing.ts"
import { mintKey } from "./mint-key.ts"
import { isPassword } from "./password.ts"
import { clearSessionCookies, setSessionCookies } from "./cookie.ts"
import {
  auditRefusedSignIn,
  closeSession,
  credentialsOf,
  openPasswordSession,
  type Credentials,
} from "./statements.ts"

const tags = ["Users"]
const wrong = () => new ApiError(401, "Incorrect email or password.")

const loginRoute = createRoute({
  method: "post",
  path: "/users/login",
  tags,
  summary: "Sign in with a password",
  request: {
    body: jsonRequest(
      z
        .object({ email: z.string().max(254), password: z.string().max(1_024) })
        .openapi("LoginWithPasswordRequest"),
    ),
  },
  responses: {
    201: jsonBody(
      z.object({ session_token: z.string() }).openapi("LoginResponse"),
      "A session of 24 hours.",
    ),
    ...errors(400, 401, 403, 429, 503),
  },
})

const logoutRoute = createRoute({
  method: "post",
  path: "/users/logout",
  tags,
  summary: "End the session",
  responses: { 200: jsonBody(messageSchema, "The session is over."), ...errors(401, 429, 503) },
})

/** Opens a session and returns its token, or throws the refusal and audits it. */
async function signIn(c: Context<AppEnv>, email: string, password: string): Promise<string> {
  const db = c.get("db")
  const [user] = await db.all(credentialsOf(email))
  await limitAccount(c, user?.id ?? email.trim().toLowerCase())
  // Hashes and audits for unknown accounts too: the response time does not reveal which accounts
  // exist.
  const isRight = await isPassword(password, user?.hashed_password)
  const refusal = findRefusal(user, isRight)
  if (user === undefined || refusal !== null) {
    await db.all(auditRefusedSignIn(user?.id ?? null, auditRequest(c), (refusal ?? wrong()).status))
    throw refusal ?? wrong()
  }
  const key = await mintKey()
  const opened = await db.all(openPasswordSession(user, key, auditRequest(c)))
  // The password or the status changed while the password was checked.
  if (opened.length === 0) throw wrong()
  return key.token
}

function findRefusal(user: Credentials | undefined, isRight: boolean): ApiError | null {
  if (user !== undefined && user.login_type !== "password") {
    return new ApiError(
      403,
      'Incorrect login type, attempting to use "password" but user is of login type ' +
        `${JSON.stringify(user.login_type)}.`,
    )
  }
  if (user === undefined || !isRight) return wrong()
  if (user.status !== "suspended") return null
  return new ApiError(
    401,
    "Your account is suspended. Contact an admin to reactivate your account.",
  )
}

export const sessionRoutes = createRouter()
  .openapi(loginRoute, async (c) => {
    const { email, password } = c.req.valid("json")
    await limitSignIn(c)
    const token = await admitHashing(() => signIn(c, email, password))
    await setSessionCookies(c, token)
    return c.json({ session_token: token }, 201)
  })
  .openapi(logoutRoute, async (c) => {
    await c.get("caller").query(closeSession(auditRequest(c)))
    clearSessionCookies(c)
    return c.json({ message: "Logged out!" }, 200)
  })
