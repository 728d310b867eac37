/** What the sweeps before it made, told to daemons in one post: once a tick for each set of tags, whichever sweep the jobs are of. */
import type { Sweep } from "../../sweeps.ts"
import { postJobs } from "./post.ts"

export const postSweep: Sweep = {
  name: "posts",
  run: (context) => {
    const { env, made, waitUntil } = context
    const jobs = made.splice(0)
    if (jobs.length > 0) waitUntil(postJobs(env, context, jobs))
    return Promise.resolve({ jobs: jobs.reduce((sum, { count = 1 }) => sum + count, 0) })
  },
}
