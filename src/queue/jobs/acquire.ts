// Gives a job to a daemon.
//
// The tokens of an external agent must be shown again later. They are stored encrypted as well as
// hashed, and an agent that is already running outside keeps the token that it has.
import type { ProvisionerActor } from "../../access/actors.ts"
import { sha256 } from "../../platform/hash.ts"
import type { AuthenticatedDatabase } from "../../access/authenticated-database.ts"
import { ensureGitKey, readGitKey } from "../../access/git-key.ts"
import { agentTokenSubject, decryptToken, encryptToken } from "../../access/token-cipher.ts"
import { toHex } from "../../platform/db/values.ts"
import { wireInstant } from "../view.ts"
import { acquireJob, type AcquiredRow, type StoredToken, storeTokens } from "./acquire-statement.ts"
import type { AcquiredJob } from "./protocol.ts"

export type Acquired = {
  job: AcquiredJob | null
  organizationId: string
  workspaceId: string | null
}

const stages = [undefined, "create", "claim"] as const

/**
 * Returns null if the key owns no such daemon; `job` is null if no job waits that the daemon may
 * run.
 */
export async function acquire(
  session: AuthenticatedDatabase<ProvisionerActor>,
  daemonId: string,
  now: Date,
  env: { ACCESS_URL: string; TOKEN_KEYS: string },
): Promise<Acquired | null> {
  const [row] = await session.query(acquireJob(daemonId, now))
  if (!row) return null
  const { job } = row
  const acquired = { organizationId: row.organization_id, workspaceId: row.workspace_id }
  if (job === null) return { ...acquired, job: null }
  if (job.build && row.has_external_agent && Object.keys(job.build.agent_tokens).length > 0) {
    job.build.agent_tokens = await keepTokens(session, daemonId, row, env.TOKEN_KEYS)
  }
  const handed = toAcquiredJob(job, env.ACCESS_URL)
  if (job.build !== null && env.TOKEN_KEYS !== "") {
    const { id } = job.owner
    const [known] = await session.query(readGitKey(id))
    const { pair } = await ensureGitKey(session, env.TOKEN_KEYS, id, known, now)
    handed.owner.ssh_key = { public: pair.publicKey, private: pair.privateKey }
  }
  return { ...acquired, job: handed }
}

function toAcquiredJob(job: NonNullable<AcquiredRow["job"]>, accessUrl: string): AcquiredJob {
  const { import: imported, dry_run, build, created_at, ...rest } = job
  const common = { ...rest, created_at: wireInstant(created_at), access_url: accessUrl }
  if (build === null) {
    return { ...common, ...(imported && { import: imported }), ...(dry_run && { dry_run }) }
  }
  const { stage, log_level, ...facts } = build
  return {
    ...common,
    build: {
      ...facts,
      workspace: { ...facts.workspace, created_at: wireInstant(facts.workspace.created_at) },
      stage: stages[stage ?? 0] ?? "regular",
      access_url: accessUrl,
      ...(log_level && { log_level }),
    },
  }
}

async function keepTokens(
  session: AuthenticatedDatabase<ProvisionerActor>,
  daemonId: string,
  { job, known_tokens, workspace_id }: AcquiredRow,
  tokenKeys: string,
): Promise<Record<string, string>> {
  const build = job?.build
  if (!job || !build || workspace_id === null) return {}
  const tokens: Record<string, string> = {}
  const stored: Record<string, StoredToken> = {}
  // A claimed prebuild belongs to a new owner, so no token that the pool knew stays valid.
  const isKept = stages[build.stage ?? 0] !== "claim"
  for (const [name, minted] of Object.entries(build.agent_tokens)) {
    const known = known_tokens?.[name]
    const subject = agentTokenSubject(workspace_id, name)
    const token =
      (isKept && known !== undefined ? await decryptToken(tokenKeys, subject, known) : null) ??
      minted
    tokens[name] = token
    stored[name] = {
      hash: toHex(await sha256(token)),
      encrypted: await encryptToken(tokenKeys, subject, token),
    }
  }
  await session.query(storeTokens(job.job_id, daemonId, stored))
  return tokens
}
