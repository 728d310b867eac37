// Reads DATABASE_URL from the environment. Its errors never repeat it, since it has a password.

export type DatabaseUrl = {
  url: string
  /** Neon speaks HTTP itself; before any other server the local endpoint stands. */
  kind: "neon" | "postgres"
  host: string
  port: number
}

const expected = "Expected postgres://user:password@host/database."

export function readDatabaseUrl(text: string): DatabaseUrl {
  const parsed = URL.parse(text.trim())
  if (parsed === null || !/^postgres(ql)?:$/.test(parsed.protocol)) {
    throw new Error(`DATABASE_URL is not a PostgreSQL URL. ${expected}`)
  }
  if (parsed.hostname === "" || parsed.username === "" || parsed.pathname.length < 2) {
    throw new Error(`DATABASE_URL lacks a user, a host or a database. ${expected}`)
  }
  return {
    url: text.trim(),
    kind: /\.neon\.(tech|build)$/.test(parsed.hostname) ? "neon" : "postgres",
    host: parsed.hostname,
    port: Number(parsed.port || 5432),
  }
}
