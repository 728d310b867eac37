// After the commit: watchers learn that workspaces changed, daemons that there is work. Hints; losing one costs seconds.
import { publishWorkspaces } from "../http/publish.ts"
import { postJobs } from "../jobs/post.ts"
import type { BatchResult } from "./transition-statement.ts"

export async function announce(env: Env, batch: BatchResult): Promise<void> {
  await Promise.all([postJobs(env, batch.jobs), publishWorkspaces(env, batch.changed)])
}
