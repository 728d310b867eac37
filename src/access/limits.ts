// Requests a minute of each rate limit.
//
// A file of its own, without the Worker's types, because Node programs read it too.

/** The bindings of the same names in wrangler.toml hold the same numbers. */
export const limits = {
  RATE_LIMIT_READ: 1200,
  RATE_LIMIT_WRITE: 600,
  RATE_LIMIT_ADDRESS: 6000,
  RATE_LIMIT_LOGIN: 60,
} as const
