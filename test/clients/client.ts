// A client: its headers, and the status that it needs of each call.
//
// Its door sends the calls: inside the Workers runtime, or from outside with curl.
import { expect } from "vitest"

export type Answer = {
  status: number
  headers: { get: (name: string) => string | null }
  text: string
  /** The text as JSON; null if it is no JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any -- a test asserts what it expects
  body: any
}
export type ClientHeaders = Record<string, string>

export type Door = {
  /** `path` is whole. A body is sent as JSON, unless it is bytes. */
  send: (method: string, path: string, headers: ClientHeaders, body?: unknown) => Promise<Answer>
  /** The status and the type of an answer that does not end; the rest is not read. */
  peek: (path: string, headers: ClientHeaders) => Promise<{ status: number; type: string | null }>
  /** Reads JSON from a socket until `enough`, or until its close code. Throws if it is refused. */
  watch: (
    path: string,
    headers: ClientHeaders,
    enough: (frames: unknown[]) => boolean,
  ) => Promise<{ frames: unknown[]; code: number | null }>
}

const base = "/api/v2"

/** Each call names the status that the client needs. */
export function clientWith(door: Door, headers: ClientHeaders) {
  const call = async (
    method: string,
    path: string,
    status: number,
    body?: unknown,
    more?: ClientHeaders,
  ) => {
    const answer = await door.send(method, base + path, { ...headers, ...more }, body)
    expect([method, path, answer.status, answer.status === status ? "" : answer.text]).toEqual([
      method,
      path,
      status,
      "",
    ])
    expect(answer.headers.get("X-Coder-Build-Version")).toMatch(/^v2\./)
    return answer.body
  }
  return {
    get: (path: string, status = 200) => call("GET", path, status),
    post: (path: string, body: unknown, status = 201, more?: ClientHeaders) =>
      call("POST", path, status, body, more),
    put: (path: string, body: unknown, status = 204) => call("PUT", path, status, body),
    patch: (path: string, body: unknown, status = 200) => call("PATCH", path, status, body),
    delete: (path: string, status = 200) => call("DELETE", path, status),
    /** Opens an event stream and lets it go. */
    async events(path: string): Promise<void> {
      expect([path, await door.peek(base + path, headers)]).toEqual([
        path,
        { status: 200, type: "text/event-stream" },
      ])
    },
    /** Opens a socket and reads until `enough`, or until it is closed. */
    watch: (path: string, enough: (frames: unknown[]) => boolean) =>
      door.watch(base + path, headers, enough),
  }
}

export type Client = ReturnType<typeof clientWith>

/** As strict readers do: each key there, none of them null. */
export function expectKeys(thing: Record<string, unknown>, keys: readonly string[]): void {
  for (const key of keys) expect([key, thing[key] ?? "missing"]).not.toEqual([key, "missing"])
}
