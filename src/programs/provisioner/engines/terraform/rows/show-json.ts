// The JSON that `show -json` prints for a plan or a state, as far as the engine reads it.

export type Values = Readonly<Record<string, unknown>>

/** One instance of a resource or data source. An attribute that is not known yet is absent. */
export type Instance = {
  address: string
  mode: "managed" | "data"
  type: string
  name: string
  index?: string | number
  values?: Values
  depends_on?: readonly string[]
  /** An object that a replacement left behind. */
  deposed_key?: string
}

type ValuesModule = { resources?: readonly Instance[]; child_modules?: readonly ValuesModule[] }

/** `references` names what an expression reads; nested blocks are lists of the same shape. */
export type Expression = { references?: readonly string[] }

export type ConfigResource = {
  mode: "managed" | "data"
  type: string
  name: string
  expressions?: Readonly<Record<string, unknown>>
}

export type ConfigModule = {
  resources?: readonly ConfigResource[]
  module_calls?: Readonly<Record<string, { expressions?: Values; module?: ConfigModule }>>
  outputs?: Readonly<Record<string, { expression?: Expression }>>
  variables?: Readonly<Record<string, ConfigVariable>>
}

export type ConfigVariable = {
  /** Absent: the variable is required. */
  default?: unknown
  description?: string
  sensitive?: boolean
  /** Only OpenTofu prints it. */
  type?: unknown
}

export type ResourceChange = {
  address: string
  mode: "managed" | "data"
  type: string
  name: string
  action_reason?: string
  change: {
    actions: readonly string[]
    replace_paths?: readonly (readonly (string | number)[])[]
    before?: Values | null
    after?: Values | null
  }
}

export type PlanJson = {
  planned_values?: { root_module?: ValuesModule }
  prior_state?: { values?: { root_module?: ValuesModule } }
  resource_changes?: readonly ResourceChange[]
  configuration: { root_module: ConfigModule }
}

export type StateJson = { values?: { root_module?: ValuesModule } }

/** All instances of a module and of the modules below it, in the order of their addresses. */
export function instancesOf(root: ValuesModule | undefined): Instance[] {
  const found: Instance[] = []
  const pending = root === undefined ? [] : [root]
  for (let module = pending.pop(); module !== undefined; module = pending.pop()) {
    for (const instance of module.resources ?? []) {
      if (instance.deposed_key === undefined) found.push(instance)
    }
    pending.push(...(module.child_modules ?? []))
  }
  return found.sort((a, b) => compareText(a.address, b.address))
}

/** Compares by code units, so that the order does not depend on a locale. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
