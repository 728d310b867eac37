// The configuration of a template, as it was written: what an argument of a resource refers to.
import { addressIn, baseAddress, modulePath } from "./addresses.ts"
import { isRecord } from "./attributes.ts"
import type { ConfigModule, ConfigResource } from "./show-json.ts"

/** Expressions lead through variables and outputs; a chain longer than this is given up. */
const stepCountMax = 64

/**
 * The base addresses of the managed resources that an argument names, in the order of its
 * references. Follows `var.x` to the module call and `module.m.o` to the output. Locals are not in
 * the configuration, so an argument that reads one yields nothing.
 */
export function resourcesNamedBy(root: ConfigModule, base: string, argument: string): string[] {
  const path = modulePath(base)
  const resource = findResource(moduleAt(root, path), base)
  return resolve(root, path, referencesOf(resource?.expressions?.[argument]), stepCountMax)
}

/** Every resource and data source of the configuration, those with `count = 0` included. */
export function configResources(
  root: ConfigModule,
): { address: string; resource: ConfigResource }[] {
  const found: { address: string; resource: ConfigResource }[] = []
  const visit = (module: ConfigModule, path: readonly string[]) => {
    for (const resource of module.resources ?? []) {
      found.push({ address: addressIn(path, localAddress(resource)), resource })
    }
    for (const [name, call] of Object.entries(module.module_calls ?? {})) {
      if (call.module !== undefined) visit(call.module, [...path, name])
    }
  }
  visit(root, [])
  return found
}

/**
 * Every reference of every expression, for example `data.coder_workspace_owner.me.session_token`.
 */
export function allReferences(root: ConfigModule): Set<string> {
  const found = new Set<string>()
  const visit = (value: unknown) => {
    if (Array.isArray(value)) for (const entry of value) visit(entry)
    else if (isRecord(value)) {
      for (const reference of referencesOf(value)) found.add(reference)
      for (const entry of Object.values(value)) visit(entry)
    }
  }
  visit(root)
  return found
}

const localAddress = ({ mode, type, name }: ConfigResource) =>
  `${mode === "data" ? "data." : ""}${type}.${name}`

function findResource(module: ConfigModule | undefined, base: string): ConfigResource | undefined {
  const local = base
    .split(".")
    .slice(modulePath(base).length * 2)
    .join(".")
  return module?.resources?.find((resource) => localAddress(resource) === local)
}

const moduleAt = (root: ConfigModule, path: readonly string[]): ConfigModule | undefined =>
  path.reduce<ConfigModule | undefined>(
    (module, name) => module?.module_calls?.[name]?.module,
    root,
  )

function referencesOf(expression: unknown): string[] {
  if (!isRecord(expression) || !Array.isArray(expression["references"])) return []
  return expression["references"].filter((entry): entry is string => typeof entry === "string")
}

function resolve(
  root: ConfigModule,
  path: readonly string[],
  references: readonly string[],
  stepsLeft: number,
): string[] {
  if (stepsLeft === 0) return []
  const found = new Set<string>()
  for (const reference of references) {
    const [head = "", second = "", third] = baseAddress(reference).split(".")
    const targets = (() => {
      switch (head) {
        case "var": {
          const call = moduleAt(root, path.slice(0, -1))?.module_calls?.[path.at(-1) ?? ""]
          const passed = referencesOf(call?.expressions?.[second])
          return path.length === 0 ? [] : resolve(root, path.slice(0, -1), passed, stepsLeft - 1)
        }
        case "module": {
          const inner = [...path, second]
          const output = third === undefined ? undefined : moduleAt(root, inner)?.outputs?.[third]
          return resolve(root, inner, referencesOf(output?.expression), stepsLeft - 1)
        }
        case "data":
        case "local":
        case "each":
        case "count":
        case "path":
        case "self":
        case "terraform":
        case "tofu":
          return []
        default:
          return second === "" ? [] : [addressIn(path, `${head}.${second}`)]
      }
    })()
    for (const target of targets) found.add(target)
  }
  return [...found]
}
