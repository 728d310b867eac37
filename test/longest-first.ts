// The order of test files: the longest first, so that none runs alone at the end.
//
// A clean clone has no times of an earlier run.
import { BaseSequencer, type TestSpecification } from "vitest/node"

/**
 * Written by hand from a run's report: the first entry that a path begins with is its place. The
 * programs' tests come early: they need no Worker runtime and mostly wait for daemons and relays.
 */
const order = [
  "node/programs/provisioner/chaos",
  "node/programs/agent/forward",
  "worker/access/matrix",
  "unit/schedule/daylight-saving",
  "node/",
  "worker/feed/",
  "worker/lifecycle/",
  "worker/",
  "unit/",
]

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.toSorted((a, b) => placeOf(a) - placeOf(b))
  }
}

const placeOf = ({ moduleId }: TestSpecification) =>
  order.findIndex((beginning) => moduleId.includes(`/test/${beginning}`))
