// What a killed apply may have made without a record. OpenTofu keeps the state in memory during an
// apply.
import { baseAddress } from "./rows/addresses.ts"
import { isRecord, textOf } from "./rows/attributes.ts"
import type { State } from "./state.ts"
import type { UiLine } from "./ui-line.ts"

export type LeakWatch = {
  add: (line: UiLine) => void
  /**
   * A line for each resource that was made and is not in the state, or whose making did not end.
   */
  missingFrom: (state: State | null) => string[]
}

export function createLeakWatch(): LeakWatch {
  const begun = new Set<string>()
  const errored = new Set<string>()
  const made = new Map<string, string>()
  return {
    add({ type, hook }) {
      const resource = hook?.["resource"]
      if (hook?.["action"] !== "create" || !isRecord(resource)) return
      const address = textOf(resource["addr"])
      if (type === "apply_start") begun.add(address)
      else if (type === "apply_complete") begun.delete(address)
      // What failed half-way may exist as well, and is then recorded as tainted.
      else if (type === "apply_errored") errored.add(address)
      const id = hook["id_value"]
      if (type === "apply_complete" && typeof id === "string") made.set(address, id)
    },
    missingFrom: (state) => [
      ...[...made]
        .filter(([, id]) => state?.ids.has(id) !== true)
        .map(([address, id]) => `${address} (${id})`),
      ...[...begun]
        .filter((address) => !(errored.has(address) && state?.addresses.has(baseAddress(address))))
        .map((address) => `${address} (it was being made)`),
    ],
  }
}
