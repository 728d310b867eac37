// The order of test files: those that take long first, so that none is left alone at the end. A clean clone has no times of an
// earlier run to go by.
import { BaseSequencer, type TestSpecification } from "vitest/node"

/**
 * By hand, from a run's report. The programs' among them have no need to wait until the Worker's runtime has started; they mostly wait
 * themselves, for daemons and relays.
 */
const longest = [
  "node/provisioner/chaos.test.ts",
  "node/agents/forward.test.ts",
  "worker/access/matrix.test.ts",
  "node/provisioner/real-process.test.ts",
  "node/provisioner/daemon.test.ts",
  "worker/workspaces/watch.test.ts",
  "worker/lifecycle/dying-tick.test.ts",
  "worker/workspaces/watch-agents.test.ts",
  "worker/lifecycle/model.test.ts",
  "worker/workspaces/watch-sources.test.ts",
]
/** The Worker's before the others: its runtime is started once for the files that follow one another. */
const projects = ["worker", "node", "unit"]

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b))
  }
}

function rankOf({ moduleId, project }: TestSpecification): number {
  const place = longest.findIndex((path) => moduleId.endsWith(`/test/${path}`))
  return place === -1 ? longest.length + projects.indexOf(project.name) : place
}
