// The fields of a user in requests, with the names of the rules they break.
import { z } from "@hono/zod-openapi"
import { badRequest } from "../../platform/http/errors.ts"
import { isRealName, isUsername } from "../../platform/names.ts"
import { tagError } from "../../platform/http/tag-error.ts"
import { findPasswordProblem } from "../sessions/password-strength.ts"

const emailPattern = /^[^\s@]+@[^\s@]+$/

const ruled = (max: number, tag: string, holds: (text: string) => boolean) =>
  z
    .string()
    .max(max, { error: tagError(tag) })
    .refine(holds, { error: tagError(tag) })

export const emailField = ruled(254, "email", (text) => emailPattern.test(text))
export const usernameField = ruled(64, "username", isUsername)
export const realNameField = ruled(512, "user_real_name", isRealName)
// Longer than any accepted password, short enough to hash safely.
export const passwordField = z
  .string()
  .min(1, { error: tagError("required") })
  .max(1_024, { error: tagError("max") })

/** The 400 of a password that is too weak. */
export function requireStrongPassword(password: string, field = "password"): void {
  const problem = findPasswordProblem(password)
  if (problem !== null)
    throw badRequest("Password is invalid", { validations: [{ field, detail: problem }] })
}
