// Telling daemons that there is work: a hint after the commit. Losing one costs at most the 30 s until a board asks by itself.
import { writeEvent } from "../http/event.ts"
import type { Tags } from "./tags.ts"

export type PostedJob = { organization_id: string; provisioner: string; tags: Tags }

/** Wakes daemons for these jobs, one object an organization, each kind of job once. Never throws. */
export async function postJobs(env: Env, jobs: readonly PostedJob[]): Promise<void> {
  const byOrganization = Map.groupBy(jobs, (job) => job.organization_id)
  const posts = [...byOrganization].map(async ([organizationId, posted]) => {
    try {
      await env.JOB_BOARD.getByName(organizationId).post(
        posted.map(({ provisioner, tags }) => ({ provisioner, tags })),
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
