// The addresses that a webhook may have.
//
// Notifications leave the deployment, so a target inside its network is refused unless the
// deployment allows it.

/** The problem with the address, or null. */
export function findWebhookUrlError(text: string, arePrivateAllowed: boolean): string | null {
  const url = URL.parse(text)
  if (url === null) return "must be a valid URL"
  if (url.username !== "" || url.password !== "") return "must not contain credentials"
  if (arePrivateAllowed)
    return /^https?:$/.test(url.protocol) ? null : "must be an http or https URL"
  if (url.protocol !== "https:") return "must be an https URL"
  return isPrivateHost(url.hostname) ? "must not be a private or loopback address" : null
}

const privateNames = /(^|\.)(localhost|local|internal|intranet|lan|home\.arpa)\.?$/i

function isPrivateHost(host: string): boolean {
  if (host.startsWith("[")) return isPrivateIpv6(host.slice(1, -1).toLowerCase())
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) return isPrivateIpv4(host.split(".").map(Number))
  return privateNames.test(host) || !host.includes(".")
}

/**
 * `URL` has already normalized every spelling (octal, hexadecimal, one number) to four decimals.
 */
function isPrivateIpv4([a = 0, b = 0, c = 0]: number[]): boolean {
  return (
    a === 0 ||
    a === 10 ||
    a === 127 ||
    a >= 224 ||
    (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && (b === 168 || (b === 0 && c === 0))) ||
    (a === 198 && (b === 18 || b === 19))
  )
}

/** True for all but global unicast (2000::/3), and for addresses with an embedded IPv4 address. */
function isPrivateIpv6(host: string): boolean {
  const first = Number.parseInt(host.split(":")[0] || "0", 16)
  const isGlobal = first >= 0x2000 && first <= 0x3fff
  return !isGlobal || first === 0x2002 || host.startsWith("2001:0:") || host.startsWith("2001::")
}
