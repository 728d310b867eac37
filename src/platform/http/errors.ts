// The error of the HTTP interface and its body. Handlers throw it; the app makes it the answer.
import type { ContentfulStatusCode } from "hono/utils/http-status"

export type Validation = { field: string; detail: string }
export type ErrorBody = { message: string; detail?: string; validations?: Validation[] }
type Extra = { detail?: string | undefined; validations?: Validation[] | undefined }

export class ApiError extends Error {
  override name = "ApiError"
  readonly status: ContentfulStatusCode
  readonly body: ErrorBody
  readonly headers: Record<string, string>

  constructor(
    status: ContentfulStatusCode,
    message: string,
    extra: Extra = {},
    headers: Record<string, string> = {},
  ) {
    super(message)
    this.status = status
    this.headers = headers
    this.body = {
      message,
      ...(extra.detail === undefined ? {} : { detail: extra.detail }),
      ...(extra.validations === undefined ? {} : { validations: extra.validations }),
    }
  }
}

export const badRequest = (message: string, extra: Extra = {}) => new ApiError(400, message, extra)
export const conflict = (message: string, extra: Extra = {}) => new ApiError(409, message, extra)

/** A thing that does not exist and one that may not be read have the same answer. */
export const notFound = () =>
  new ApiError(404, "Resource not found or you do not have access to this resource")

export const routeNotFound = () => new ApiError(404, "Route not found.")

export const forbidden = (message = "Forbidden.", extra: Extra = {}) =>
  new ApiError(403, message, {
    detail:
      "You don't have permission to view this content. If you believe this is a mistake, please contact your administrator or try signing in with different credentials.",
    ...extra,
  })

/** The detail of a field that broke a named rule. */
export const tagDetail = (tag: string, value: string) =>
  `Validation failed for tag "${tag}" with value: "${value}"`

export const validationFailed = (validations: Validation[]) =>
  badRequest("Validation failed.", { validations })
