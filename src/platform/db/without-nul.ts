// Texts that PostgreSQL can store, made from what agents and engines report.
//
// Its text and jsonb hold no NUL and no half of a surrogate pair. Both are replaced, so that one
// such character does not cost the rest of a report.

/** The same value with every string, keys included, made storable. */
export function withoutNul<T>(value: T): T {
  return strip(value) as T
}

function strip(value: unknown): unknown {
  if (typeof value === "string") return value.replaceAll("\0", "").toWellFormed()
  if (Array.isArray(value)) return value.map(strip)
  if (value === null || typeof value !== "object") return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [strip(key), strip(inner)]))
}
