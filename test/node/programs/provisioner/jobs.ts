// Jobs as the control plane hands them out, with valid defaults.
import type { Build } from "../../../../src/programs/provisioner/engines/engine.ts"
import type { AcquiredJob } from "../../../../src/queue/jobs/protocol.ts"

const id = (digit: number) => `00000000-0000-4000-8000-${String(digit).padStart(12, "0")}`

export function importJob(over: Partial<AcquiredJob> = {}): AcquiredJob {
  return {
    job_id: crypto.randomUUID(),
    type: "template_version_import",
    created_at: "2026-03-04T09:00:00Z",
    organization: { id: id(1), name: "default" },
    initiator: { id: id(2), username: "ada" },
    file_id: crypto.randomUUID(),
    file_hash: "0".repeat(64),
    file_mimetype: "application/x-tar",
    tags: { scope: "organization", owner: "" },
    template: { id: id(3), name: "sandbox", version_id: id(4), version_name: "v1" },
    access_url: "http://127.0.0.1:1",
    owner: {
      id: id(2),
      username: "ada",
      email: "ada@example.test",
      name: "Ada",
      login_type: "password",
      groups: [],
      roles: [],
    },
    import: { user_variable_values: [] },
    ...over,
  }
}

export function buildJob({
  build,
  ...over
}: Partial<Omit<AcquiredJob, "build">> & { build?: Partial<Build> } = {}) {
  const { import: _, ...job } = importJob(over)
  const whole: Build = {
    id: id(5),
    number: 3,
    transition: "start",
    reason: "initiator",
    workspace: { id: id(6), name: "atlas", created_at: "2026-03-04T09:00:00Z" },
    owner: { id: id(2), username: "ada", email: "ada@example.test", name: "Ada" },
    parameters: [],
    previous_parameters: [],
    variables: [],
    state: null,
    stage: "regular",
    agent_tokens: {},
    access_url: "http://127.0.0.1:1",
    allows_data_loss: false,
    ...build,
  }
  return { ...job, type: "workspace_build" as const, build: whole }
}
