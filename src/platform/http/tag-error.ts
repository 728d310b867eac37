// The message of a field that breaks a named rule, for the schemas of request bodies.
import { tagDetail } from "./errors.ts"

const shownLengthMax = 256

/** For zod's `error`: names the rule and the value, or `required` if the value is missing. */
export const tagError = (tag: string) => (issue: { input?: unknown }) =>
  issue.input === undefined
    ? tagDetail("required", "")
    : tagDetail(
        tag,
        (typeof issue.input === "string" ? issue.input : JSON.stringify(issue.input)).slice(
          0,
          shownLengthMax,
        ),
      )
