// The Worker over a clock: what the platform calls, each minute and for each request.
import { createApp } from "./app.ts"
import type { Clock } from "./clock.ts"

export function createWorker(clock: Clock) {
  const app = createApp(clock)
  return {
    fetch: (request, env, ctx) => app.fetch(request, env, ctx),
    async scheduled() {},
  } satisfies ExportedHandler<Env>
}
