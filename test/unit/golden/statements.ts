// The statements that are spliced from several files, with sample values.
import { sql } from "drizzle-orm"
import { createBuild } from "../../../src/builds/create/statement.ts"
import type { BuildPlan } from "../../../src/builds/create/plan.ts"
import { countJobs } from "../../../src/insights/metrics/jobs.ts"
import { rollUpUsage } from "../../../src/insights/rollups/usage.ts"
import { prepareBatch } from "../../../src/lifecycle/tick/prepare-statement.ts"
import { runBatch } from "../../../src/lifecycle/tick/transition-statement.ts"
import type { Statement } from "../../../src/platform/db/client.ts"
import { nilUuid } from "../../../src/platform/http/wire.ts"
import { applyPoolChanges } from "../../../src/pools/apply-changes.ts"
import { readPools } from "../../../src/pools/read-pools.ts"
import {
  completeBuildJob,
  type BuildCompletion,
} from "../../../src/queue/complete/build-statement.ts"
import { patchTemplate } from "../../../src/templates/change-statements.ts"
import type { SettingsChange } from "../../../src/templates/policy/columns.ts"
import { flushStatement } from "../../../src/usage/tracker/flush-statement.ts"
import { createWorkspace } from "../../../src/workspaces/create/statement.ts"
import type { CreatePlan } from "../../../src/workspaces/create/plan.ts"
import { listPage } from "../../../src/workspaces/statements.ts"

const now = new Date("2024-01-01T12:00:00Z")
const id = nilUuid
const request = { requestId: id, ip: "127.0.0.1", userAgent: "", now }
const ids = { workspaceId: id, buildId: id, jobId: id }

// What a sample leaves out is bound as a parameter, so it does not change the text.
const version = { id, file_id: id, tags: {}, parameters: [], presets: [] }
const createPlan = {
  ownerId: id,
  name: "dev",
  template: { id, organization_id: id, autostart_days: 127, default_ttl_ms: 0 },
  version,
  automaticUpdates: "never",
  presetId: id,
  tags: {},
  parameters: [],
  claim: { parameters: [], refusal: null },
} as unknown as CreatePlan
const buildPlan = {
  workspaceId: id,
  transition: "start",
  reason: "initiator",
  lastNumber: 1,
  template: { id, active_version_id: id, require_active_version: false, provisioner: "terraform" },
  version,
  presetId: null,
  tags: {},
  parameters: [],
  state: { kind: "last" },
  isOrphan: false,
  isUpdate: true,
  input: {},
  onSuccess: null,
} as unknown as BuildPlan
const completion = {
  daemonId: id,
  jobId: id,
  inputs: {},
  deadlineAt: now,
  maxDeadlineAt: null,
  nextStartAt: now,
  state: new Uint8Array(),
  dailyCost: 0,
  hasExternalAgent: false,
  rows: { resources: [], metadata: [], agents: [], apps: [], scripts: [], agentMetadata: [] },
  timings: [],
  replacements: [],
} as unknown as BuildCompletion

export const statements: Statement<unknown>[] = [
  prepareBatch(now, 1_000),
  runBatch({
    now,
    size: 1_000,
    asked: [],
    carries: [],
    unflushed: { shards: [3], shardCount: 16 },
  }),
  createWorkspace(createPlan, ids, request),
  createBuild(buildPlan, ids, sql`actor_id()`, request),
  completeBuildJob(completion, request),
  flushStatement({ now, used: [], stats: [], apps: [], permits: [] }),
  listPage({}, { limit: 25, offset: 0, after: null }, now),
  patchTemplate(
    id,
    { name: null, settings: {} as SettingsChange },
    { updateWorkspaceLastUsedAt: true, updateWorkspaceDormantAt: true },
    request,
  ),
  readPools(now),
  applyPoolChanges([], now),
  rollUpUsage(now),
  countJobs(now),
]
