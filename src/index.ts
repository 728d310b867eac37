// The production entry: the Worker on the platform's clock, and its Durable Objects.
import { DurableObject } from "cloudflare:workers"
import { platformClock } from "./clock.ts"
import { createWorker } from "./worker.ts"

export { JobBoard } from "./provisioners/job-board.ts"
export { UsageTracker } from "./usage/tracker.ts"
export { WorkspaceFeed } from "./workspaces/feed.ts"

export class AgentHub extends DurableObject {}
export class PortRelay extends DurableObject {}
export class BackupClock extends DurableObject {}

export default createWorker(platformClock)
