// What a resource depends on, directly or not, by base address.
import { baseAddress } from "./addresses.ts"
import type { Instance } from "./show-json.ts"

/**
 * The base addresses that the resource with this base address depends on; itself is not one of
 * them.
 */
export type Reach = (base: string) => ReadonlySet<string>

/**
 * While planning, ids are unknown and locals are not in the configuration, so relations come from
 * the text of `graph -type=plan`. Its edges are transitively reduced, so a direct edge says
 * nothing: only reachability does. A node `… (expand)` is a resource; `… (close)` and others are
 * passed through.
 */
export function reachOfGraph(dot: string): Reach {
  const edges = new Map<string, string[]>()
  for (const [, from = "", to = ""] of dot.matchAll(
    /^\s*"((?:[^"\\]|\\.)*)"\s*->\s*"((?:[^"\\]|\\.)*)"/gm,
  )) {
    const known = edges.get(from)
    if (known === undefined) edges.set(from, [to])
    else known.push(to)
  }
  const suffix = " (expand)"
  const prefix = "[root] "
  return memoize((base) =>
    reachable(edges, `${prefix}${base}${suffix}`, (node) =>
      node.startsWith(prefix) && node.endsWith(suffix)
        ? node.slice(prefix.length, -suffix.length)
        : undefined,
    ),
  )
}

/** After an apply the state itself lists what each instance depends on. */
export function reachOfState(instances: readonly Instance[]): Reach {
  const edges = new Map<string, string[]>()
  for (const { address, depends_on = [] } of instances) {
    const base = baseAddress(address)
    edges.set(base, [...(edges.get(base) ?? []), ...depends_on.map(baseAddress)])
  }
  return memoize((base) => reachable(edges, base, (node) => node))
}

function reachable(
  edges: ReadonlyMap<string, readonly string[]>,
  start: string,
  addressOf: (node: string) => string | undefined,
): ReadonlySet<string> {
  const seen = new Set([start])
  const found = new Set<string>()
  const pending = [...(edges.get(start) ?? [])]
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (seen.has(node)) continue
    seen.add(node)
    const address = addressOf(node)
    if (address !== undefined) found.add(address)
    pending.push(...(edges.get(node) ?? []))
  }
  return found
}

function memoize(compute: Reach): Reach {
  const known = new Map<string, ReadonlySet<string>>()
  return (base) => {
    const found = known.get(base) ?? compute(base)
    known.set(base, found)
    return found
  }
}
