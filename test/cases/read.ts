// The behaviour cases, which note each field that a test reads.
import lifecycleJson from "./lifecycle.json" with { type: "json" }
import prebuildsJson from "./prebuilds.json" with { type: "json" }
import { noteField } from "./fields.ts"

function recorded<T extends object>(target: T, path: string): T {
  const made = new Map<PropertyKey, object>()
  return new Proxy(target, {
    get(object, key, receiver): unknown {
      const value: unknown = Reflect.get(object, key, receiver)
      if (typeof key === "symbol" || !Object.hasOwn(object, key)) return value
      const field = `${path}/${key}`
      if (typeof value !== "object" || value === null) {
        noteField(field)
        return value
      }
      if (Object.keys(value).length === 0) noteField(field)
      const known = made.get(key) ?? recorded(value, field)
      made.set(key, known)
      return known
    },
  })
}

export const lifecycle = {
  ...lifecycleJson,
  groups: recorded(lifecycleJson.groups, "lifecycle"),
}
export const prebuilds = {
  ...prebuildsJson,
  groups: recorded(prebuildsJson.groups, "prebuilds"),
}
