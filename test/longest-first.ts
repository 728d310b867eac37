// The order of test files: the longest first, so that none runs alone at the end.
//
// A clean clone has no times of an earlier run.
import { BaseSequencer, type TestSpecification } from "vitest/node"

/**
 * Written by hand from a run's report. The programs' tests come early: they need no Worker runtime
 * and mostly wait for daemons and relays.
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
/**
 * The Worker's come before the others, since its runtime is started once for files that follow one
 * another.
 */
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
