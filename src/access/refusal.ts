// Post-processing of refusals: 401 takes precedence over 400; a narrow token gets
// `insufficient_scope` on 403.
import type { Context } from "hono"
import type { AppEnv } from "../platform/http/env.ts"
import { ApiError } from "../platform/http/errors.ts"
import type { Actor } from "./actors.ts"
import { scopeChallenge } from "./challenge.ts"

/** Statuses that a request may get before its credential is proven. */
const early = new Set([400, 413, 426])

/**
 * Returns the refusal, or the 401 of a caller whose credential is invalid: only an authenticated
 * caller learns what was wrong with the request. Free if the credential is proven already.
 *
 * `toRefusal` converts an error of another kind.
 */
export async function settleRefusal(
  c: Context<AppEnv>,
  refusal: ApiError,
  toRefusal: (error: unknown) => ApiError,
): Promise<ApiError> {
  const isForbidden = refusal.status === 403
  if (!(isForbidden || early.has(refusal.status)) || c.get("caller") === undefined) return refusal
  try {
    const actor = await c.get("authenticate")()
    return isForbidden && isNarrow(actor) ? withChallenge(refusal) : refusal
  } catch (error) {
    return toRefusal(error)
  }
}

const isNarrow = (actor: Actor | undefined) =>
  actor?.kind === "user" &&
  !(actor.scopes.includes("coder:all") && actor.allow_list.includes("*:*"))

const withChallenge = ({ status, message, body, headers }: ApiError) =>
  new ApiError(status, message, body, { ...scopeChallenge(), ...headers })
