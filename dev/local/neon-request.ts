// The body of a request to the Neon endpoint: one query or a batch, with Neon's parameters.

export type QueryText = { query: string; params: unknown[] }
export type SqlBody = QueryText | { queries: QueryText[] }

/** Throws if the text is not JSON or not of that shape. */
export function readQuery(text: string): SqlBody {
  const body: unknown = JSON.parse(text)
  if (!isRecord(body)) throw new TypeError("not an object")
  if (Array.isArray(body["queries"])) return { queries: body["queries"].map(readOne) }
  return readOne(body)
}

function readOne(body: unknown): QueryText {
  if (!isRecord(body) || typeof body["query"] !== "string") throw new TypeError("no query")
  const params: unknown = body["params"] ?? []
  if (!Array.isArray(params)) throw new TypeError("params must be a list")
  return { query: body["query"], params: params.map(toParameter) }
}

// The driver sends strings; Neon also accepts bare JSON values as their text. Below us pg turns
// lists into arrays.
function toParameter(value: unknown): unknown {
  if (typeof value === "number" || typeof value === "boolean") return String(value)
  return value
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
