// Signing in and out.
import { createRoute, z } from "@hono/zod-openapi"
import { limitSignIn } from "../../access/rate-limit.ts"
import { auditRequest } from "../../audit/request.ts"
import { ApiError } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, messageSchema } from "../../platform/http/wire.ts"
import { mintKey } from "./mint-key.ts"
import { isPassword } from "./password.ts"
import { clearSessionCookies, setSessionCookies } from "./cookie.ts"
import { closeSession, credentialsOf, openPasswordSession } from "./statements.ts"

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

export const sessionRoutes = createRouter()
  .openapi(loginRoute, async (c) => {
    const { email, password } = c.req.valid("json")
    await limitSignIn(c, email)
    const db = c.get("db")
    const [user] = await db.all(credentialsOf(email))
    // Hashes for unknown accounts too: the response time does not reveal which accounts exist.
    const isRight = await isPassword(password, user?.hashed_password)
    if (user !== undefined && user.login_type !== "password") {
      throw new ApiError(
        403,
        'Incorrect login type, attempting to use "password" but user is of login type ' +
          `${JSON.stringify(user.login_type)}.`,
      )
    }
    if (user === undefined || !isRight) throw wrong()
    if (user.status === "suspended") {
      throw new ApiError(
        401,
        "Your account is suspended. Contact an admin to reactivate your account.",
      )
    }
    const key = await mintKey()
    const opened = await db.all(openPasswordSession(user, key, auditRequest(c)))
    // The password or the status changed while it was being checked.
    if (opened.length === 0) throw wrong()
    await setSessionCookies(c, key.token)
    return c.json({ session_token: key.token }, 201)
  })
  .openapi(logoutRoute, async (c) => {
    await c.get("caller").query(closeSession(auditRequest(c)))
    clearSessionCookies(c)
    return c.json({ message: "Logged out!" }, 200)
  })
