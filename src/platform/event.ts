// Log lines: one wide event per request, tick or flush, built up on the way and written once.

export type WideEvent = Record<string, unknown> & { event: string }

export function writeEvent(event: WideEvent): void {
  if (event["outcome"] === "error") console.error(event)
  else console.log(event)
}

const secretParams = ["coder_session_token", "access_token", "token", "key"]

/** What a log line says of a value that was thrown. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** A URL fit for a log: its path and query without the values of parameters that carry tokens. */
export function loggedUrl(text: string): string {
  const url = new URL(text)
  for (const name of secretParams)
    if (url.searchParams.has(name)) url.searchParams.set(name, "redacted")
  return url.pathname + url.search
}
