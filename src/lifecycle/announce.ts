// After the commit: watchers learn that workspaces changed, daemons that there is work. Hints; losing one costs seconds.
import type { BatchResult } from "./transition-statement.ts"

export function announce(_env: Env, _batch: BatchResult): Promise<void> {
  return Promise.resolve()
}
