// What is put right about a refusal before it is sent: who may not ask at all hears that alone, and a token that is too narrow for
// what was asked hears that it is (api.md 0.2).
import type { Context } from "hono"
import type { AppEnv } from "../platform/http/env.ts"
import { ApiError } from "../platform/http/errors.ts"
import type { Actor } from "./actors.ts"
import { scopeChallenge } from "./challenge.ts"

/** Refusals that may have been found before the credential was proven. */
const early = new Set([400, 413, 426])

/**
 * The refusal, or the 401 of whoever cannot prove who they are: nobody else is told what was wrong with the question. Costs
 * nothing where the credential has been proven already. `toRefusal` says what stands for an error of another kind.
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
