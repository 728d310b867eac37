// The command line of port-forward: `[ip:]local[:remote]`, comma lists, ranges `a-b[:c-d]`.

export type ForwardedPort = { host: string | null; local: number; remote: number }
export type ForwardOptions = {
  url: string
  token: string
  owner: string
  workspace: string
  /** Null means the only agent, or the one named main. */
  agent: string | null
  ports: ForwardedPort[]
}

export const forwardUsage = `Usage: port-forward [owner/]workspace[.agent] -p PORTS

  PORTS       [ip:]local[:remote][,...]
  -p, --tcp   ports, lists (8080,9000:3000) and ranges (8000-8005:9000-9005);
              without an address 127.0.0.1 and ::1
  CODER_URL and CODER_SESSION_TOKEN name the server and the session.`

const portsMax = 256

type Reading = { ok: true; options: ForwardOptions } | { ok: false; error: string }
type Ports = { ok: true; ports: ForwardedPort[] } | { ok: false; error: string }

export function readForwardOptions(
  args: readonly string[],
  env: Record<string, string | undefined>,
): Reading {
  const ports: ForwardedPort[] = []
  let name: string | null = null
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ""
    const inline = /^(?:--tcp|-p)=(.*)$/.exec(arg)?.[1]
    if (arg === "-p" || arg === "--tcp" || inline !== undefined) {
      const parsed = parsePorts(inline ?? args[++i] ?? "")
      if (!parsed.ok) return parsed
      ports.push(...parsed.ports)
    } else if (arg.startsWith("-")) return { ok: false, error: `Unknown option ${arg}.` }
    else if (name === null) name = arg
    else return { ok: false, error: `Unexpected ${JSON.stringify(arg)}.` }
  }
  if (name === null) return { ok: false, error: "Name a workspace." }
  if (ports.length === 0) return { ok: false, error: "Name a port to forward with -p." }
  if (ports.length > portsMax)
    return { ok: false, error: `At most ${portsMax} ports can be forwarded.` }
  const url = env["CODER_URL"] ?? env["DORMOUSE_URL"] ?? ""
  const token = env["CODER_SESSION_TOKEN"] ?? ""
  if (!/^https?:\/\//.test(url) || token === "") {
    return { ok: false, error: "CODER_URL and CODER_SESSION_TOKEN must be set." }
  }
  const [path = "", agent = null] = name.split(".")
  const [first = "", second] = path.split("/")
  const owner = second === undefined ? "me" : first
  return {
    ok: true,
    options: {
      url: url.replace(/\/+$/, ""),
      token,
      owner,
      workspace: second ?? first,
      agent,
      ports,
    },
  }
}

/** `address:`, local ports, `:` remote ports; each side is a port or a range. */
const portsPattern = new RegExp(
  String.raw`^(?:(\[[0-9a-fA-F:]+\]|\d+\.\d+\.\d+\.\d+|localhost):)?` +
    String.raw`(\d+)(?:-(\d+))?(?::(\d+)(?:-(\d+))?)?$`,
)

export function parsePorts(text: string): Ports {
  const ports: ForwardedPort[] = []
  for (const part of text.split(",")) {
    const match = portsPattern.exec(part.trim())
    const error = {
      ok: false as const,
      error: `${JSON.stringify(part)} is not [ip:]local[:remote].`,
    }
    if (match === null) return error
    const [, host, a, b, c, d] = match
    const local = rangeOf(a, b)
    const remote = c === undefined ? local : rangeOf(c, d)
    if (local === null || remote === null || local.length !== remote.length) return error
    const address = host === undefined ? null : host.replace(/^\[|\]$/g, "")
    ports.push(
      ...local.map((port, i) => ({ host: address, local: port, remote: remote[i] ?? port })),
    )
  }
  return { ok: true, ports }
}

function rangeOf(first: string | undefined, last: string | undefined): number[] | null {
  const from = Number(first)
  const to = last === undefined ? from : Number(last)
  if (from < 1 || to > 65_535 || to < from || to - from >= portsMax) return null
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}
