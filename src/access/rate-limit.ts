// Rate limits by token, by address and, for sign-in, by account.
//
// The platform counts them, so a flood never reaches the database. It counts per location and
// permissively: enough against floods, too imprecise for accounting.
import type { Context, MiddlewareHandler } from "hono"
import type { AppEnv } from "../platform/http/env.ts"
import { ApiError, forbidden } from "../platform/http/errors.ts"
import { holderOfKey } from "./key-holders.ts"
import { limits } from "./limits.ts"
import { presentedToken } from "./caller.ts"
import { sha256 } from "../platform/hash.ts"

type LimitName = keyof typeof limits

const harmless = new Set(["GET", "HEAD", "OPTIONS"])

/** The address that the platform reports; absent if no platform is in front. */
const addressOf = (c: Context<AppEnv>) => c.req.header("CF-Connecting-IP")

async function take(c: Context<AppEnv>, name: LimitName, key: string): Promise<void> {
  const { success } = await c.env[name].limit({ key })
  if (success) return
  throw new ApiError(
    429,
    `You've been rate limited for sending more than ${limits[name]} requests in 1m0s.`,
    {},
    { "Retry-After": "60" },
  )
}

/**
 * The name of a credential in a counter: the id of the user or of the key, or a digest of any other
 * token. A user with many sessions has one counter as soon as their keys are proven.
 *
 * A provisioner key has no counter: a fleet of daemons shares one key, and a morning of autostarts
 * is thousands of calls a minute. The daemons' address is counted.
 */
async function holderOf(c: Context<AppEnv>): Promise<string | null> {
  const token = presentedToken(c)
  if (token === undefined) return null
  const [id, secret] = token.split("-")
  if (id?.length === 10 && secret?.length === 22) return holderOfKey(id) ?? id
  return Array.from((await sha256(token)).slice(0, 16), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("")
}

/**
 * Lifts an owner's token limit, for load tests. The address's limit stays: anybody can claim to be
 * an owner.
 */
const bypassHeader = "X-Coder-Bypass-Ratelimit"

async function requireOwner(c: Context<AppEnv>): Promise<void> {
  const { roles } = await c.get("caller").actor()
  if (!roles.includes("owner")) throw forbidden(`The header ${bypassHeader} is for owners.`)
}

export const limitRate: MiddlewareHandler<AppEnv> = async (c, next) => {
  const [address, holder] = [addressOf(c), await holderOf(c)]
  if (address !== undefined) await take(c, "RATE_LIMIT_ADDRESS", address)
  if (/^(1|t|true)$/i.test(c.req.header(bypassHeader) ?? "")) {
    await requireOwner(c)
    return next()
  }
  if (holder !== null)
    await take(c, harmless.has(c.req.method) ? "RATE_LIMIT_READ" : "RATE_LIMIT_WRITE", holder)
  return next()
}

/** Limits attempts to sign in from one address, before the database is asked. */
export async function limitSignIn(c: Context<AppEnv>): Promise<void> {
  const address = addressOf(c)
  if (address !== undefined) await take(c, "RATE_LIMIT_LOGIN", `address:${address}`)
}

/**
 * Limits attempts to guess the password of one account.
 *
 * `account` is the id of the account that was found: PostgreSQL and JavaScript fold some letters
 * differently, so spellings of one address would otherwise be counted apart.
 */
export const limitAccount = (c: Context<AppEnv>, account: string): Promise<void> =>
  take(c, "RATE_LIMIT_LOGIN", `account:${account}`)
