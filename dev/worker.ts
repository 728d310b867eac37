// The Worker as the local system and the tests run it: the production handlers and objects, on a clock that the runner can set.
import { createWorker } from "../src/worker.ts"
import { localClock } from "./local-clock.ts"

export { AgentHub, BackupClock, JobBoard, PortRelay, UsageTracker, WorkspaceFeed } from "../src/index.ts"

const worker: Required<Pick<ExportedHandler<Env>, "fetch" | "scheduled">> = createWorker(localClock)

export default worker
