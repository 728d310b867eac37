// Telling daemons that there is work: a hint after the commit. Losing one costs at most the 30 s until a board asks by itself.
import { writeEvent } from "../http/event.ts"
import type { Tags } from "./tags.ts"

/** One job, or `count` of a kind. */
export type PostedJob = { organization_id: string; provisioner: string; tags: Tags; count?: number }

/** Wakes daemons for these jobs, as many as there are jobs, by one call an organization. Never throws. */
export async function postJobs(env: Env, jobs: readonly PostedJob[]): Promise<void> {
  const byOrganization = Map.groupBy(jobs, (job) => job.organization_id)
  const posts = [...byOrganization].map(async ([organizationId, posted]) => {
    try {
      await env.JOB_BOARD.getByName(organizationId).post(
        posted.map(({ provisioner, tags, count = 1 }) => ({ provisioner, tags, count })),
      )
    } catch (error) {
      writeEvent({
        event: "post_failed",
        outcome: "error",
        organizationId,
        error: error instanceof Error ? error.message : String(error),
      })
    }
  })
  await Promise.all(posts)
}
