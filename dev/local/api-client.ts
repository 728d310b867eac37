// A small client of the public HTTP API for programs that act as a person: seeding and the demo.

export type ApiClient = {
  /**
   * Sends JSON (bytes unchanged) and returns the parsed answer. Throws the server's message on an
   * error.
   */
  // oxlint-disable-next-line typescript/no-explicit-any -- the callers know the shapes of the API
  call: (method: string, path: string, body?: unknown, contentType?: string) => Promise<any>
  /** The same client with a session token. */
  as: (token: string) => ApiClient
}

export class ApiFailure extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const timeoutMs = 30_000

export function createApiClient(url: string, token?: string): ApiClient {
  return {
    as: (given) => createApiClient(url, given),
    call: async (method, path, body, contentType) => {
      const response = await fetch(`${url}/api/v2${path}`, {
        method,
        headers: {
          ...(token === undefined ? {} : { "Coder-Session-Token": token }),
          ...(body === undefined ? {} : { "Content-Type": contentType ?? "application/json" }),
        },
        signal: AbortSignal.timeout(timeoutMs),
        ...(body === undefined
          ? {}
          : { body: body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body) }),
      })
      const text = await response.text()
      const answer = parse(text)
      if (response.ok) return answer
      throw new ApiFailure(
        response.status,
        `${method} ${path}: ${response.status} ${describe(answer, text)}`,
      )
    },
  }
}

// oxlint-disable-next-line typescript/no-explicit-any -- as above
function parse(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

// oxlint-disable-next-line typescript/no-explicit-any -- as above
function describe(answer: any, text: string): string {
  if (typeof answer?.message !== "string") return text.slice(0, 200)
  const validations: { field: string; detail: string }[] = answer.validations ?? []
  const fields = validations.map(({ field, detail }) => `${field}: ${detail}`)
  return [answer.message, answer.detail, ...fields].filter(Boolean).join(" ")
}
