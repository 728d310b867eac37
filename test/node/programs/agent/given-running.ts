// A system of its own with one running external workspace, for the programs that talk to it.
import { createHash, randomUUID } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Client } from "pg"
import { agentTokenSubject, encryptToken } from "../../../../src/access/token-cipher.ts"
import { createApiClient, type ApiClient } from "../../../../dev/local/api-client.ts"
import { freePort } from "../../../../dev/process/free-port.ts"
import { readSecrets } from "../../../../dev/local/secrets.ts"
import { startLocalSystem, type LocalSystem } from "../../../../dev/local/system.ts"
import { createFirstUser, signIn } from "../../../../dev/local/seed.ts"

export type Running = {
  url: string
  system: LocalSystem
  api: ApiClient
  /** A session token. */
  token: string
  database: Client
  workspaceId: string
  buildId: string
  agentId: string
  agentToken: string
  directory: string
  stop: () => Promise<void>
}

export async function givenRunning(
  scripts: { script: string; run_on_start: boolean; run_on_stop: boolean }[] = [],
): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), "dormouse-test-"))
  const secrets = readSecrets(directory)
  const system = await startLocalSystem({
    directory,
    port: await freePort(),
    secrets,
    durable: false,
    onProgress: () => {},
  })
  const anonymous = createApiClient(system.url)
  await createFirstUser(anonymous.as(secrets.setupToken), secrets.password)
  const api = await signIn(anonymous, secrets.password)
  const { session_token: token } = await anonymous.call("POST", "/users/login", {
    email: "admin@example.com",
    password: secrets.password,
  })
  const database = new Client({ connectionString: system.databaseUrl })
  await database.connect()
  const me = await api.call("GET", "/users/me")
  const agentToken = randomUUID()
  const encrypt = (workspaceId: string) =>
    encryptToken(`local:${secrets.tokenKey}`, agentTokenSubject(workspaceId, "main"), agentToken)
  const ids = await insertWorkspace(database, { userId: me.id, agentToken, encrypt, scripts })
  return {
    url: system.url,
    system,
    api,
    token,
    database,
    agentToken,
    directory,
    ...ids,
    stop: async () => {
      await database.end()
      await system.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function insertWorkspace(
  database: Client,
  given: {
    userId: string
    agentToken: string
    encrypt: (workspaceId: string) => Promise<string>
    scripts: { script: string; run_on_start: boolean; run_on_stop: boolean }[]
  },
): Promise<{ workspaceId: string; buildId: string; agentId: string }> {
  const [organization] = (await database.query("select id from organizations where is_default"))
    .rows
  const organizationId: string = organization.id
  const at = new Date()
  const [fileId, versionId, templateId, workspaceId, buildId, resourceId, agentId] = Array.from(
    { length: 7 },
    () => randomUUID(),
  )
  const insert = async (table: string, row: Record<string, unknown>) => {
    const names = Object.keys(row)
    await database.query(
      `insert into ${table} (${names.join(", ")})
        values (${names.map((_, i) => `$${i + 1}`).join(", ")})`,
      Object.values(row),
    )
  }
  const job = async (type: string) => {
    const id = randomUUID()
    await insert("provisioner_jobs", {
      id,
      organization_id: organizationId,
      initiator_id: given.userId,
      type,
      file_id: fileId,
      input: {},
      tags: {},
      created_at: at,
      started_at: at,
      completed_at: at,
      updated_at: at,
    })
    return id
  }
  await insert("files", {
    id: fileId,
    hash: "0".repeat(64),
    mimetype: "application/x-tar",
    size_bytes: 1,
    created_by: given.userId,
    created_at: at,
  })
  await insert("template_versions", {
    id: versionId,
    organization_id: organizationId,
    job_id: await job("template_version_import"),
    file_id: fileId,
    name: "one",
    created_by: given.userId,
    created_at: at,
    updated_at: at,
  })
  await insert("templates", {
    id: templateId,
    organization_id: organizationId,
    name: "outside",
    active_version_id: versionId,
    created_by: given.userId,
    created_at: at,
    updated_at: at,
  })
  await insert("workspaces", {
    id: workspaceId,
    owner_id: given.userId,
    organization_id: organizationId,
    template_id: templateId,
    name: "shed",
    last_used_at: at,
    created_at: at,
    updated_at: at,
  })
  const jobId = await job("workspace_build")
  await insert("workspace_builds", {
    id: buildId,
    workspace_id: workspaceId,
    template_version_id: versionId,
    build_number: 1,
    transition: "start",
    initiator_id: given.userId,
    job_id: jobId,
    has_external_agent: true,
    deadline: new Date(at.getTime() + 600_000),
    created_at: at,
    updated_at: at,
  })
  await insert("workspace_resources", {
    id: resourceId,
    job_id: jobId,
    transition: "start",
    type: "coder_external_agent",
    name: "main",
    created_at: at,
  })
  await insert("workspace_agents", {
    id: agentId,
    resource_id: resourceId,
    workspace_id: workspaceId,
    build_id: buildId,
    name: "main",
    hashed_token: createHash("sha256").update(given.agentToken).digest(),
    encrypted_token: await given.encrypt(workspaceId ?? ""),
    operating_system: "linux",
    architecture: "amd64",
    created_at: at,
    updated_at: at,
  })
  for (const script of given.scripts) {
    await insert("workspace_agent_scripts", {
      id: randomUUID(),
      agent_id: agentId,
      log_source_id: randomUUID(),
      display_name: "Script",
      created_at: at,
      ...script,
    })
  }
  return { workspaceId: workspaceId ?? "", buildId: buildId ?? "", agentId: agentId ?? "" }
}

/**
 * A provisioner that could run the workspace's builds, and runs none. Without one nothing is
 * stopped.
 */
export async function givenDaemon({ database }: Running): Promise<void> {
  const tags = JSON.stringify({ scope: "organization", owner: "" })
  await database.query(
    `with key as (
       insert into provisioner_keys (id, organization_id, name, hashed_secret, tags, created_at)
       select gen_random_uuid(), id, 'idle', '\\x00', '{}', $2 from organizations where is_default
       returning id, organization_id
     )
     insert into provisioner_daemons (id, organization_id, key_id, name, provisioners, tags,
       created_at, last_seen_at)
     select gen_random_uuid(), organization_id, id, 'idle', '{terraform}', $1, $2, $2 from key`,
    [tags, new Date()],
  )
}
