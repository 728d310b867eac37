// The agent's options, from its environment.
import { readFileSync } from "node:fs"

export type AgentOptions = {
  url: string
  /** Read at each use, since a file may receive a new token. */
  token: () => string
  /** Ports whose connections count as use. */
  watchedPorts: ReadonlySet<number>
}

export function readAgentOptions(
  env: Record<string, string | undefined>,
): { ok: true; options: AgentOptions } | { ok: false; error: string } {
  const url = env["CODER_AGENT_URL"] ?? ""
  if (!/^https?:\/\//.test(url)) return { ok: false, error: "CODER_AGENT_URL is not set." }
  const file = env["CODER_AGENT_TOKEN_FILE"]
  const given = env["CODER_AGENT_TOKEN"] ?? ""
  if (given === "" && file === undefined)
    return { ok: false, error: "CODER_AGENT_TOKEN is not set." }
  const ports = (env["DORMOUSE_WATCH_PORTS"] ?? "").split(",").filter((text) => text.trim() !== "")
  const watchedPorts = new Set(ports.map(Number))
  if ([...watchedPorts].some((port) => !Number.isInteger(port) || port < 1 || port > 65_535)) {
    return {
      ok: false,
      error: "DORMOUSE_WATCH_PORTS must be a list of ports, separated by commas.",
    }
  }
  return { ok: true, options: { url, token: () => readToken(file) ?? given, watchedPorts } }
}

function readToken(file: string | undefined): string | null {
  if (file === undefined) return null
  try {
    return readFileSync(file, "utf8").trim() || null
  } catch {
    return null
  }
}
