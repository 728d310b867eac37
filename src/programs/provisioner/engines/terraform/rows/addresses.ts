// Addresses of resources: `module.tools["a"].coder_app.web[0]` is an instance of
// `module.tools.coder_app.web`.

/**
 * The address without its instance keys. A key in quotes may hold any character, brackets included.
 */
export function baseAddress(address: string): string {
  let base = ""
  let inKey = false
  let inQuotes = false
  for (let at = 0; at < address.length; at++) {
    const character = address.charAt(at)
    if (inQuotes) {
      if (character === "\\") at += 1
      else if (character === '"') inQuotes = false
    } else if (inKey) {
      if (character === '"') inQuotes = true
      else if (character === "]") inKey = false
    } else if (character === "[") inKey = true
    else base += character
  }
  return base
}

/** The modules that lead to a base address, without the word `module`: `["machine", "tools"]`. */
export function modulePath(base: string): string[] {
  const parts = base.split(".")
  const path: string[] = []
  for (let at = 0; parts[at] === "module" && at + 1 < parts.length; at += 2)
    path.push(parts[at + 1] ?? "")
  return path
}

/** The base address of `local` (for example `coder_agent.main`) inside the modules of `path`. */
export const addressIn = (path: readonly string[], local: string) =>
  [...path.map((name) => `module.${name}`), local].join(".")

/** The instance keys of an address with their brackets, modules first: `["a"][0]`. */
export function instanceKeys(address: string): string {
  return address.match(/\[(?:"(?:[^"\\]|\\.)*"|\d+)\]/g)?.join("") ?? ""
}
