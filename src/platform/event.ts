// One wide event a request, tick or flush: built up on the way, written once, as one object.

export type WideEvent = Record<string, unknown> & { event: string }

export function writeEvent(event: WideEvent): void {
  if (event["outcome"] === "error") console.error(event)
  else console.log(event)
}

const secretParams = ["coder_session_token", "access_token", "token", "key"]

/** A URL fit for a log: its path and query without the values of parameters that carry tokens. */
export function loggedUrl(text: string): string {
  const url = new URL(text)
  for (const name of secretParams)
    if (url.searchParams.has(name)) url.searchParams.set(name, "redacted")
  return url.pathname + url.search
}
